import { posix } from 'node:path';
import { INSTANCE_DIRECTORIES, type Listener } from '../domain/service.ts';
import { isInnerPath } from '../domain/inner-path.ts';
import { nearest } from '../domain/nearest.ts';
import { mismatchOfType } from './answer-values.ts';
import { checkAnswers } from './check-answers.ts';
import { checkData } from './check-data.ts';
import { listClaims, repeatedClaims, reservedClaims } from './claims.ts';
import { findDuplicates } from './duplicates.ts';
import { formatKey, formatTable, quote, suggest, type Fault, type KeyPath } from './mistake.ts';
import type { PartlyService } from './partly.ts';
import { protocolOf } from './service-defaults.ts';

/**
 * Checks that the tables of one service are consistent: references between them, and unique names. A service with
 * `hooks` may create its data itself.
 */
export function checkService(recipe: PartlyService, { hooks }: { readonly hooks: boolean }): Fault[] {
  const claims = listClaims(recipe);
  return [
    ...checkAnswers(recipe),
    ...checkListeners(recipe),
    ...checkDirectories(recipe),
    ...checkWsgi(recipe),
    ...checkDaemons(recipe),
    ...checkProofs(recipe),
    ...checkData(recipe, { hooks }),
    ...checkPrograms(recipe),
    ...repeatedClaims(claims),
    ...reservedClaims(claims),
    ...findDuplicates(
      recipe.listener?.map((each) => each?.answer),
      ['listener'],
      'answer',
    ),
    ...findDuplicates(
      recipe.needs?.map((each) => each?.service),
      ['needs'],
      'service',
    ),
    ...findDuplicates(
      recipe.try?.map((each) => each?.name),
      ['try'],
      'name',
    ),
  ];
}

function checkListeners(recipe: PartlyService): Fault[] {
  const { listener = [], answer = [] } = recipe;
  const typeOf = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : answer.find((each) => each?.name === name)?.type;
  return listener.flatMap((each, index): Fault[] => {
    const wrong = (key: string, message: string): Fault => ({
      code: 'bad-listener',
      message: `listener ${quote(each?.answer ?? '')}: ${message}`,
      path: ['listener', index, key],
      at: 'value',
    });
    const faults: Fault[] = [];
    const mismatch = each?.default === undefined ? undefined : mismatchOfType('host-port', each.default);
    if (mismatch !== undefined)
      faults.push(wrong('default', `the default ${quote(each?.default ?? '')} is not ${mismatch}`));
    if (each?.['public-url'] !== undefined && protocolOf(each, recipe) === 'tcp')
      faults.push(wrong('public-url', 'only a listener of protocol = "http" has a URL'));
    for (const [key, type] of [
      ['answer', 'host-port'],
      ['public-url', 'url'],
    ] as const) {
      const declared = typeOf(each?.[key]);
      if (declared !== undefined && declared !== type)
        faults.push(wrong(key, `the answer of this name has type = ${quote(declared)}, not ${quote(type)}`));
    }
    return faults;
  });
}

function checkDirectories({ directory = [] }: PartlyService): Fault[] {
  const standing: readonly string[] = INSTANCE_DIRECTORIES;
  return directory.flatMap((each, index): Fault[] =>
    each?.path === undefined || !standing.includes(each.path)
      ? []
      : [
          {
            code: 'bad-directory',
            message: `every instance already has the directory ${quote(each.path)}`,
            hint: 'remove the table',
            path: ['directory', index, 'path'],
            at: 'value',
          },
        ],
  );
}

function checkWsgi(recipe: PartlyService): Fault[] {
  const { wsgi } = recipe;
  if (wsgi === undefined) return [];
  const hasHttp = (recipe.listener ?? []).some(
    (each) => each === undefined || protocolOf(each, recipe) === 'http',
  );
  return [
    ...exactlyOne(wsgi, ['application', 'script'], ['wsgi']),
    ...(hasHttp
      ? []
      : [
          {
            code: 'missing-listener',
            message: '[wsgi] needs a [[listener]] with protocol = "http", but the service has none',
            path: ['wsgi'],
            at: 'key',
          } as const,
        ]),
    ...unknownFiles(recipe, [wsgi.script], () => ['wsgi', 'script']),
    ...(Object.hasOwn(wsgi, 'script') && Object.hasOwn(wsgi, 'environment')
      ? [
          {
            code: 'conflicting-keys',
            message: '[wsgi] has both "script" and "environment", but a script sets its environment itself',
            path: ['wsgi', 'environment'],
            at: 'key',
          } as const,
        ]
      : []),
  ];
}

function checkDaemons(recipe: PartlyService): Fault[] {
  return (recipe.daemon ?? []).flatMap((daemon, index): Fault[] => {
    const path = ['daemon', index];
    const { ready } = daemon ?? {};
    return [
      ...unknownFiles(recipe, daemon?.files ?? [], (at) => [...path, 'files', at]),
      ...(ready === undefined ? [] : exactlyOne(ready, ['listener', 'socket', 'file'], [...path, 'ready'])),
      ...unknownListener(recipe, ready?.listener, [...path, 'ready', 'listener']),
    ];
  });
}

function unknownListener(recipe: PartlyService, name: string | undefined, path: KeyPath): Fault[] {
  const known = (recipe.listener ?? []).flatMap((each) => each?.answer ?? []);
  if (name === undefined || known.includes(name)) return [];
  const message = `the service has no listener ${quote(name)}`;
  return [{ code: 'unknown-listener', message, hint: suggest(nearest(name, known)), path, at: 'value' }];
}

/** Faults for names that are not files of the service. */
function unknownFiles(
  recipe: PartlyService,
  names: readonly (string | undefined)[],
  pathOf: (index: number) => KeyPath,
): Fault[] {
  const files = (recipe.file ?? []).filter((each) => each?.for !== 'operator');
  const known = files.flatMap((each) => each?.path ?? []);
  return names.flatMap((name, index): Fault[] =>
    name === undefined || known.includes(name)
      ? []
      : [
          {
            code: 'unknown-file',
            message: `the service has no [[file]] with the path ${quote(name)} that it may read`,
            hint: suggest(nearest(name, known)),
            path: pathOf(index),
            at: 'value',
          },
        ],
  );
}

function checkProofs(recipe: PartlyService): Fault[] {
  return (recipe.proof ?? []).flatMap((proof, index): Fault[] => {
    if (proof === undefined) return [];
    const path = ['proof', index];
    const unclear = exactlyOne(proof, ['request', 'send'], path);
    if (unclear.length > 0) return unclear;
    const [key, protocol, companion, foreign] = Object.hasOwn(proof, 'request')
      ? (['request', 'http', 'status', ['expect']] as const)
      : (['send', 'tcp', 'expect', ['status', 'body']] as const);
    return [
      ...(Object.hasOwn(proof, companion)
        ? []
        : [
            { code: 'missing-key', message: `[[proof]] lacks ${quote(companion)}`, path, at: 'key' } as const,
          ]),
      ...foreign
        .filter((other) => Object.hasOwn(proof, other))
        .map((other): Fault => ({
          code: 'conflicting-keys',
          message: `[[proof]] has both ${quote(key)} and ${quote(other)}`,
          path: [...path, other],
          at: 'key',
        })),
      ...checkProven(recipe, { listener: proof.listener, key, protocol, path }),
    ];
  });
}

interface Proven {
  /** Answer of the listener to test; by default all listeners of the protocol. */
  readonly listener: string | undefined;
  readonly key: string;
  readonly protocol: Listener['protocol'];
  readonly path: KeyPath;
}

/** A proof needs at least one listener of its protocol, and no other. */
function checkProven(recipe: PartlyService, { listener: name, key, protocol, path }: Proven): Fault[] {
  const unknown = unknownListener(recipe, name, [...path, 'listener']);
  const tried = (recipe.listener ?? []).filter((each) => name === undefined || each?.answer === name);
  const fits = tried.some((each) => each === undefined || protocolOf(each, recipe) === protocol);
  if (unknown.length > 0 || fits) return unknown;
  const which = name === undefined ? 'the service has none' : `${quote(name)} is not one`;
  return [
    {
      code: 'proof-without-listener',
      message: `[[proof]] with ${quote(key)} needs a listener with protocol = ${quote(protocol)}, but ${which}`,
      hint: `add a [[listener]] with protocol = ${quote(protocol)}, or remove the proof`,
      path: [...path, name === undefined ? key : 'listener'],
      at: 'value',
    },
  ];
}

/** Checks that programs are named by their paths in the release. */
function checkPrograms({ daemon = [], data }: PartlyService): Fault[] {
  const programs: [string | undefined, KeyPath][] = [
    ...daemon.flatMap((each, index): [string | undefined, KeyPath][] => [
      [each?.run?.[0], ['daemon', index, 'run', 0]],
      [each?.check?.[0], ['daemon', index, 'check', 0]],
    ]),
    [data?.prepare?.[0], ['data', 'prepare', 0]],
    [data?.upgrade?.[0], ['data', 'upgrade', 0]],
  ];
  return programs.flatMap(([program, path]): Fault[] => {
    if (program === undefined || isInnerPath(program)) return [];
    const release = '${release}/';
    const inner = program.startsWith(release)
      ? program.slice(release.length)
      : `bin/${posix.basename(program)}`;
    return [
      {
        code: 'bad-path',
        message: `${formatKey(path)}: expected the path of a program in the release, such as "bin/hello", not ${quote(program)}`,
        hint: isInnerPath(inner) ? suggest(inner) : undefined,
        path,
        at: 'value',
      },
    ];
  });
}

/** A fault unless a table has exactly one of these keys. */
function exactlyOne(table: object, keys: readonly string[], path: KeyPath): Fault[] {
  const present = keys.filter((key) => Object.hasOwn(table, key));
  if (present.length === 1) return [];
  const choice = `${keys.slice(0, -1).map(quote).join(', ')} or ${quote(keys.at(-1) ?? '')}`;
  const [, second] = present;
  return [
    {
      code: second === undefined ? 'missing-key' : 'conflicting-keys',
      message: `${formatTable(path)} ${second === undefined ? 'lacks' : 'may have only one of'} ${choice}`,
      path: second === undefined ? path : [...path, second],
      at: 'key',
    },
  ];
}
