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
 * Builds a bundle if need be, unpacks it to a new temporary directory and boots it on a free loopback port with its own
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
    const declared = new Set(bundle.answers.map((answer) => answer.name));
    const place = { host: HOST, port: String(await findFreePort()) };
    const given = Object.entries(place).flatMap(([answer, value]) =>
      declared.has(answer) ? [`--${answer}`, value] : [],
    );
    await runInstalled([bootstrap, 'install', ...given], speak);
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

/** A port that nothing listens on now; somebody else may take it before we do, and then the installer says so. */
async function findFreePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  return address.port;
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
