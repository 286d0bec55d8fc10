import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { nearest } from '../domain/nearest.ts';
import { TEMPLATES_DIRECTORY } from '../domain/project.ts';
import { TEMPLATE_FILTERS } from '../domain/service.ts';
import { findVariables } from '../domain/variables.ts';
import { listTree } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import type { Document } from './document.ts';
import { formatKey, listStrings, quote, suggest, type Fault, type KeyPath } from './mistake.ts';
import type { PartlyService } from './partly.ts';
import { CONTENTS, DATA, type Values } from './service-values.ts';

/** Faults for each `${…}` in a service's recipe that has no value, or a secret one. */
export function checkReferences(recipe: PartlyService, { names, secret }: Values): Fault[] {
  const { daemon = [], wsgi, data, proof, provides } = recipe;
  const places: readonly [unknown, KeyPath, ReadonlySet<string>][] = [
    ...daemon.flatMap((each, index) =>
      (['run', 'check', 'environment'] as const).map((key): [unknown, KeyPath, ReadonlySet<string>] => [
        each?.[key],
        ['daemon', index, key],
        names,
      ]),
    ),
    [wsgi?.environment, ['wsgi', 'environment'], names],
    [data?.prepare, ['data', 'prepare'], names],
    [data?.upgrade, ['data', 'upgrade'], new Set([...names, DATA])],
    [proof, ['proof'], names],
    [provides, ['provides'], names],
  ];
  return places.flatMap(([value, at, known]) =>
    listStrings(value, at).flatMap(([text, own]) =>
      findVariables(text).flatMap((name): Fault[] => {
        const fault = { path: own, at: 'value', within: `\${${name}}` } as const;
        if (!known.has(name))
          return [{ ...fault, ...unknown(`${formatKey(own)}: \${${name}}`, name, known) }];
        if (!secret.has(name) || (isSent(own) && name.startsWith(CONTENTS))) return [];
        const message = `${formatKey(own)}: \${${name}} is secret, but others can see it here`;
        return [
          { ...fault, code: 'shown-secret', message, hint: 'put it into a [[file]] with secret = true' },
        ];
      }),
    ),
  );
}

/** Whether a proof sends the value at this path: only the service sees it. */
function isSent([table, , key]: KeyPath): boolean {
  return table === 'proof' && key === 'send';
}

/**
 * Faults for each `@{…}` in the templates of a service's files that has no value, or a secret one in a file that is
 * not secret; and for missing templates. A service with `hooks` provides values for plain names itself.
 */
export async function checkTemplates(
  document: Document,
  recipe: PartlyService,
  { names, secret, hooks }: Values & { readonly hooks: boolean },
): Promise<Fault[]> {
  const directory = path.join(document.directory, TEMPLATES_DIRECTORY);
  const checked = (recipe.file ?? []).map(async (file, index): Promise<Fault[]> => {
    const template =
      file?.template ?? (file?.path === undefined ? undefined : path.posix.basename(file.path));
    if (file === undefined || template === undefined) return [];
    const source = path.join(directory, template);
    const text = await readText(source);
    const fault = {
      path: ['file', index, file.template === undefined ? 'path' : 'template'],
      at: 'value',
    } as const;
    if (text === undefined) {
      const there = (await listTree(directory).catch(() => [])).map((entry) => entry.path);
      const message = `there is no template ${quote(template)} in ${TEMPLATES_DIRECTORY}/`;
      return [{ ...fault, code: 'missing-template', message, hint: suggest(nearest(template, there)) }];
    }
    return findPlaceholders(text).flatMap(({ placeholder, name, filter, line, column }): Fault[] => {
      const place = { file: source, line, column };
      const isOwn = hooks && /^[a-z][a-z0-9_]*$/.test(name);
      return [
        ...(filter === undefined ? [] : unknownFilter(filter, placeholder)),
        ...(names.has(name) || isOwn ? [] : [unknown(placeholder, name, names)]),
        ...(secret.has(name) && file.secret !== true
          ? [
              {
                code: 'shown-secret',
                message: `${placeholder} is secret, but the file ${quote(file.path ?? '')} is not`,
                hint: 'add secret = true to its [[file]]',
              },
            ]
          : []),
      ].map((found) => ({ ...fault, place, ...found }));
    });
  });
  return (await Promise.all(checked)).flat();
}

type Finding = Pick<Fault, 'code' | 'message' | 'hint'>;

function unknownFilter(filter: string, placeholder: string): Finding[] {
  if (TEMPLATE_FILTERS.includes(filter)) return [];
  return [
    {
      code: 'unknown-filter',
      message: `unknown filter ${quote(filter)} in ${placeholder}; known: ${TEMPLATE_FILTERS.join(', ')}`,
      hint: suggest(nearest(filter, TEMPLATE_FILTERS)),
    },
  ];
}

function unknown(written: string, name: string, known: ReadonlySet<string>): Finding {
  return {
    code: 'unknown-value',
    message: `${written} has no value; known: ${[...known].sort().join(', ')}`,
    hint: suggest(nearest(name, known)),
  };
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await ifThere(readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}

interface Placeholder {
  readonly placeholder: string;
  readonly name: string;
  readonly filter: string | undefined;
  readonly line: number;
  readonly column: number;
}

function findPlaceholders(text: string): Placeholder[] {
  return text.split('\n').flatMap((line, index) =>
    [...line.matchAll(/@\{([^{}|]*)(?:\|([^{}]*))?\}/g)].map((match) => ({
      placeholder: match[0],
      name: match[1] ?? '',
      filter: match[2],
      line: index + 1,
      column: match.index + 1,
    })),
  );
}
