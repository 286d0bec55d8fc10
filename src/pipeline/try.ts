import { chmod, mkdtemp } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { asTask, type Emit } from '../domain/events.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { releaseName } from '../domain/release-name.ts';
import type { TryResult } from '../domain/results.ts';
import { unpackArchive } from '../io/archive.ts';
import { run } from '../io/process.ts';
import { buildBundle } from './build.ts';
import type { Context } from './context.ts';
import { loadBundle } from './recipes.ts';

const HOST = '127.0.0.1';

/** What is read of what `bootstrap.sh status --json` prints. */
const statusSchema = z.object({ urls: z.array(z.string()) });

/**
 * Builds a bundle if need be, unpacks it to a new temporary directory and boots it on free loopback ports with its own
 * installer. It goes on running: `stop` is how to end it. Throws `KSB_TRY_FAILED` with what the installer said.
 */
export async function tryBundle(context: Context, name: string): Promise<TryResult> {
  const { tarball } = await buildBundle(context, name);
  const { bundle } = await loadBundle(context, name);
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-try-'));
  // The service runs as another account if root tries it.
  await chmod(directory, 0o755);
  const release = path.join(directory, releaseName(bundle, context.platform.arch));
  const task = { task: `try:${name}`, title: `${name} on ${HOST}` };
  return asTask(context, task, async () => {
    await unpackArchive(tarball, release, { strip: 1, signal: context.signal });
    const bootstrap = path.join(release, 'init', 'bootstrap.sh');
    const speak = { emit: context.emit, task: task.task, signal: context.signal };
    const listeners = bundle.services.flatMap(({ service }) => service.listeners);
    const ports = await findFreePorts(listeners.length);
    const given = listeners.flatMap(({ answer }, index) => [`--${answer}`, `${HOST}:${ports[index]}`]);
    const host = bundle.answers.some(({ name: answer }) => answer === 'host') ? ['--host', HOST] : [];
    await runInstalled([bootstrap, 'install', ...host, ...given], speak);
    const instance = path.join(release, 'instance');
    const urls = statusSchema.parse(
      JSON.parse(await runInstalled([bootstrap, 'status', '--json'], speak)),
    ).urls;
    const shown: TryResult['shown'][number][] = [];
    for (const { name: title, run: command } of bundle.services.flatMap(({ tries }) => tries)) {
      const argv = ['env', `RELEASE=${release}`, `INSTANCE=${instance}`, 'sh', '-c', command];
      shown.push({ name: title, text: (await runInstalled(argv, speak)).trim() });
    }
    return { outcome: 'done', value: { release, instance, urls, shown, stop: [bootstrap, 'stop'] } };
  });
}

/** Ports that nothing listens on now; somebody else may take one before we do, and then the installer says so. */
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

async function runInstalled(
  argv: readonly string[],
  speak: { readonly emit: Emit; readonly task: string; readonly signal: AbortSignal },
): Promise<string> {
  const result = await run(argv, { signal: speak.signal });
  speak.signal.throwIfAborted();
  for (const line of result.stderr.split('\n')) speak.emit({ type: 'task-output', task: speak.task, line });
  if (result.exitCode === 0) return result.stdout;
  throw new KsbundleError({
    code: 'KSB_TRY_FAILED',
    exitCode: ExitCode.failed,
    message: `${path.basename(argv[0] ?? '')} ended with ${result.exitCode ?? result.signal ?? result.failedToStart}`,
    details: `${result.stdout}\n${result.stderr}`.trim().split('\n').slice(-25),
    hint: `run it again by hand: ${argv.join(' ')}`,
  });
}
