import { stat } from 'node:fs/promises';
import path from 'node:path';
import { dependenciesFirst } from '../domain/graph.ts';
import type { ServiceRecipe } from '../domain/recipe.ts';
import {
  INSTANCE_DIRECTORIES,
  type Answer,
  type Daemon,
  type KitPart,
  type Proof,
  type Service,
  type ServiceDirectory,
  type Wsgi,
} from '../domain/service.ts';
import { ifThere } from '../io/if-there.ts';
import type { Document } from './document.ts';
import { kitParts } from './service-values.ts';
import { protocolOf } from './service-defaults.ts';
import {
  serviceSchema,
  type KitAnswers,
  type WrittenAnswer,
  type WrittenService,
} from './written-service.ts';

/*
 * Turns checked services into the installer's form, with all defaults filled in.
 */

export async function resolveService(document: Document): Promise<ServiceRecipe> {
  const written = serviceSchema.parse(document.value);
  return {
    service: compile(written, await hasHooks(document)),
    directory: document.directory,
    answers: ownAnswers(written),
    tries: written.try,
    generations: written.generate.map(({ module, for: distribution, uses }) => ({
      module,
      distribution,
      uses,
    })),
    pages: written.pages.map((name) => path.join(document.directory, '../../../docs', `${name}.md`)),
    origin: { file: document.file, sha256: document.sha256 },
  };
}

/** Whether a service has its own code. */
export async function hasHooks({ directory }: Document): Promise<boolean> {
  return (await ifThere(stat(path.join(directory, 'hooks.py')))) !== undefined;
}

/** The named services, each after the services that it needs, otherwise in the given order. */
export function inOrder(
  names: readonly string[],
  services: ReadonlyMap<string, ServiceRecipe>,
): ServiceRecipe[] {
  const order = dependenciesFirst(names, (name) => services.get(name)?.service.needs ?? []);
  return order.flatMap((name) => services.get(name) ?? []);
}

/** The answers of an instance that runs these services; one of a service replaces the kit's of the same name. */
export function answersOf(services: readonly ServiceRecipe[], kit: KitAnswers): Answer[] {
  const own = new Map(services.flatMap(({ answers }) => answers).map((answer) => [answer.name, answer]));
  const used = new Set(services.flatMap(({ service }) => partsOf(service)));
  const fromKit = (part: KitPart): Answer[] =>
    kit
      .filter((each) => each.for === part && used.has(part))
      .map((answer) => own.get(answer.name) ?? resolveAnswer(answer));
  const [first, last] = [fromKit('listener'), [...fromKit('http'), ...fromKit('wsgi')]];
  const placed = new Set([...first, ...last].map(({ name }) => name));
  return [...first, ...[...own.values()].filter(({ name }) => !placed.has(name)), ...last];
}

function partsOf({ listeners, wsgi }: Service) {
  return kitParts({ listener: listeners, wsgi: wsgi === undefined ? undefined : {} });
}

/** Answers of listeners first; an answer of the same name replaces their help. */
function ownAnswers({ answer, listener, wsgi }: WrittenService): Answer[] {
  const fromListeners = listener.flatMap((each): Answer[] => [
    {
      name: each.answer,
      type: 'host-port',
      default: each.default,
      help: each.help ?? LISTENER_HELP,
      metavar: '[ADDRESS:]PORT',
      repeatable: each.repeatable ?? wsgi !== undefined,
      secret: false,
    },
    ...(each['public-url'] === undefined ? [] : [publicUrl(each['public-url'])]),
  ]);
  const all = [...fromListeners, ...answer.map(resolveAnswer)];
  return [...new Map(all.map((each) => [each.name, each])).values()];
}

const LISTENER_HELP =
  'Port to listen on; without an address, on all addresses, or on loopback if the host is a loopback address';

function publicUrl(name: string): Answer {
  return {
    name,
    type: 'url',
    help: 'URL that clients use; derived from host and first port',
    metavar: 'URL',
    repeatable: false,
    secret: false,
  };
}

function resolveAnswer({ default: value, 'rule-help': ruleHelp, ...rest }: WrittenAnswer): Answer {
  const { name, type, help, metavar, rule, choices, minimum, maximum, repeatable, secret } = rest;
  return given({
    name,
    type,
    default: value === undefined ? undefined : String(value),
    help,
    metavar,
    rule,
    ruleHelp,
    choices,
    minimum,
    maximum,
    repeatable,
    secret,
  });
}

function compile(written: WrittenService, hooks: boolean): Service {
  const { name, summary, listener, file, data, secret, proof, needs, provides } = written;
  const files = file.map((each) => ({
    path: each.path,
    template: each.template ?? path.posix.basename(each.path),
    secret: each.secret,
    for: each.for,
  }));
  return given({
    name,
    summary,
    hooks,
    listeners: listener.map((each) =>
      given({ answer: each.answer, protocol: protocolOf(each, written), publicUrl: each['public-url'] }),
    ),
    directories: directoriesOf(written),
    files,
    wsgi: written.wsgi === undefined ? undefined : compileWsgi(written.wsgi),
    daemons: written.daemon.map((daemon) => compileDaemon(daemon, written)),
    data: data === undefined ? undefined : given(data),
    secrets: secret,
    proofs: proof.map(compileProof),
    needs: needs.map(({ service }) => service),
    provides,
  });
}

function compileWsgi(wsgi: NonNullable<WrittenService['wsgi']>): Wsgi {
  const { application, script, preload, environment, errors, logs } = wsgi;
  return given({
    application,
    script,
    preload,
    environment,
    bodyLimit: wsgi['body-limit'],
    errors,
    processMemory: wsgi['process-memory'],
    logs,
  });
}

function compileDaemon(daemon: WrittenService['daemon'][number], { name, file }: WrittenService): Daemon {
  const { run, reload, check, ready, environment, memory, tasks, logs } = daemon;
  const readable = file.filter((each) => each.for === 'service').map((each) => each.path);
  return given({
    name: daemon.name ?? name,
    run,
    reload,
    files: daemon.files ?? readable,
    check,
    ready: ready === undefined ? undefined : given(ready),
    environment,
    memory,
    tasks,
    logs,
  });
}

function compileProof(proof: WrittenService['proof'][number]): Proof {
  const { listener, request, status, body, send, expect } = proof;
  if (request !== undefined && status !== undefined) return given({ listener, request, status, body });
  if (send !== undefined && expect !== undefined) return given({ listener, send, expect });
  throw new TypeError('compileProof: neither a request nor something to send');
}

/**
 * The declared directories and the parents of declared files; parents come first. Without directories of data: they
 * are created with the data, and a lost one is not created again.
 */
function directoriesOf(written: WrittenService): ServiceDirectory[] {
  const { directory, file, secret, data, daemon, wsgi } = written;
  const logs = [...daemon.flatMap((each) => each.logs), ...(wsgi?.logs ?? [])];
  const kept = [...secret.map((each) => each.path), ...(data?.sqlite ?? []), ...(data?.directories ?? [])];
  const all = [
    ...directory,
    ...kept.flatMap(parentsOf).map((each) => ({ path: each, mode: '0700', writable: true })),
    ...logs.flatMap(parentsOf).map((each) => ({ path: each, mode: '0750', writable: true })),
    ...file
      .flatMap((each) => parentsOf(each.path))
      .map((each) => ({ path: each, mode: '0750', writable: false })),
  ];
  const standing: readonly string[] = INSTANCE_DIRECTORIES;
  const byPath = new Map(all.toReversed().map((each) => [each.path, each]));
  return [...byPath.values()]
    .filter((each) => !standing.includes(each.path))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** `a` and `a/b` for `a/b/c`. */
function parentsOf(name: string): string[] {
  const parts = name.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

type Given<T> = { [Key in keyof T as undefined extends T[Key] ? never : Key]: T[Key] } & {
  [Key in keyof T as undefined extends T[Key] ? Key : never]?: Exclude<T[Key], undefined>;
};

/** A table without the keys whose values are undefined. */
function given<T extends object>(table: T): Given<T> {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined)) as Given<T>;
}
