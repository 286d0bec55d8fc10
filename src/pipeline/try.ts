import { chmod, mkdtemp } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { asTask, type Emit } from '../domain/events.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { quoteForShell } from '../domain/quote-for-shell.ts';
import type { Bundle } from '../domain/recipe.ts';
import { releaseName } from '../domain/release-name.ts';
import type { TryResult } from '../domain/results.ts';
import { unpackArchive } from '../io/archive.ts';
import { run } from '../io/process.ts';
import { buildBundle, type BuildOptions } from './build.ts';
import type { Context } from './context.ts';
import { requireOwnArchitecture } from './cross.ts';
import { loadBundle } from './recipes.ts';

const HOST = '127.0.0.1';

/** The used part of the output of `bootstrap.sh status --json`. */
const statusSchema = z.object({ urls: z.array(z.string()) });

/**
 * Builds a bundle if necessary, unpacks it to a new temporary directory and boots it on free loopback ports with its
 * installer. It keeps running; `stop` ends it. Throws `KSB_TRY_FAILED` with the output of the installer or a command of
 * `[[try]]`; then nothing runs. Throws `KSB_CROSS_UNSUPPORTED` for a platform of another architecture.
 */
export async function tryBundle(
  context: Context,
  name: string,
  options: Pick<BuildOptions, 'shared'> = {},
): Promise<TryResult> {
  requireOwnArchitecture(name, context.platform);
  const { tarball } = await buildBundle(context, name, options);
  const { bundle } = await loadBundle(context, name);
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-try-'));
  // If run by root, the service has another account.
  await chmod(directory, 0o755);
  const release = path.join(directory, releaseName(bundle, context.platform.arch));
  const task = { task: `try:${name}`, title: `${name} on ${HOST}` };
  return asTask(context, task, async () => {
    await unpackArchive(tarball, release, { strip: 1, signal: context.signal });
    const speak = { emit: context.emit, task: task.task, signal: context.signal };
    try {
      const booted = await boot(bundle, release, speak);
      return { outcome: 'done', value: { ...booted, remove: ['rm', '-r', directory] } };
    } catch (error) {
      await run([bootstrapOf(release), 'stop']);
      throw error;
    }
  });
}

async function boot(bundle: Bundle, release: string, speak: Speak): Promise<Omit<TryResult, 'remove'>> {
  const bootstrap = bootstrapOf(release);
  const instance = path.join(release, 'instance');
  const listeners = bundle.services.flatMap(({ service }) => service.listeners);
  const ports = await findFreePorts(listeners.length);
  const given = new Map(listeners.map(({ answer }, index) => [answer, `${HOST}:${ports[index]}`]));
  if (bundle.answers.some(({ name }) => name === 'host')) given.set('host', HOST);
  const options = [...given].flatMap(([answer, value]) => [`--${answer}`, value]);
  await runInstalled({ what: 'the installation', argv: [bootstrap, 'install', ...options] }, speak);
  const status = await runInstalled({ what: 'its status', argv: [bootstrap, 'status', '--json'] }, speak);
  const variables = [
    `RELEASE=${release}`,
    `INSTANCE=${instance}`,
    ...[...given].map(([answer, value]) => `${variableOf(answer)}=${value}`),
  ];
  const shown: TryResult['shown'][number][] = [];
  for (const { name, run: command } of bundle.services.flatMap(({ tries }) => tries)) {
    const argv = ['env', ...variables, 'sh', '-c', command];
    const tried = { what: `[[try]] "${name}"`, first: [bootstrap, 'start'], argv };
    shown.push({ name, text: (await runInstalled(tried, speak)).trim() });
  }
  const { urls } = statusSchema.parse(JSON.parse(status));
  return { release, instance, urls, shown, stop: [bootstrap, 'stop'] };
}

function bootstrapOf(release: string): string {
  return path.join(release, 'init', 'bootstrap.sh');
}

/** The environment variable of an answer for the installer. */
function variableOf(answer: string): string {
  return `KSB_${answer.toUpperCase().replaceAll('-', '_')}`;
}

/** Ports that are free now; if another process takes one first, the installer reports it. */
async function findFreePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listen));
  const addresses = servers.map((server) => server.address());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return addresses.flatMap((address) =>
    address === null || typeof address === 'string' ? [] : [address.port],
  );
}

async function listen(): Promise<net.Server> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  return server;
}

interface Speak {
  readonly emit: Emit;
  readonly task: string;
  readonly signal: AbortSignal;
}

interface Command {
  /** Its purpose, for the error message. */
  readonly what: string;
  readonly argv: readonly string[];
  /** Commands to run first if it is repeated later. */
  readonly first?: readonly string[];
}

async function runInstalled({ what, argv, first }: Command, speak: Speak): Promise<string> {
  const result = await run(argv, { signal: speak.signal });
  speak.signal.throwIfAborted();
  for (const line of result.stderr.split('\n')) speak.emit({ type: 'task-output', task: speak.task, line });
  if (result.exitCode === 0) return result.stdout;
  const again = [...(first === undefined ? [] : [first]), argv];
  throw new KsbundleError({
    code: 'KSB_TRY_FAILED',
    exitCode: ExitCode.failed,
    message: `${what} ended with ${result.exitCode ?? result.signal ?? result.failedToStart}`,
    details: `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-25),
    hint: `the service was stopped; run it by hand: ${again.map((each) => each.map(quoteForShell).join(' ')).join(' && ')}`,
  });
}
