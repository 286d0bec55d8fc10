import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export const run = promisify(execFile);
export const ROOT = path.dirname(import.meta.dirname);
export const CLI = [process.execPath, path.join(ROOT, 'dist', 'cli', 'main.js')];
const OPTIONS = { maxBuffer: 1 << 28 };

/** Runs the command line as users do; what it printed. */
export async function ksbundle(...parameters) {
  const [program, ...rest] = [...CLI, ...parameters];
  return (await run(program, rest, OPTIONS)).stdout.trim();
}

/** A TCP port that nobody listens on. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Lets `bench` work in a directory of its own, which is gone afterwards. */
export async function withDirectory(bench) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-bench-'));
  try {
    // The service runs as another account if root measures.
    await chmod(directory, 0o755);
    return await bench(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Unpacks a tarball; the release's directory. */
export async function unpack(tarball, directory) {
  await run('tar', ['xf', tarball, '-C', directory]);
  return path.join(directory, path.basename(tarball, '.tar.gz'));
}

/** Runs bootstrap of a release. */
export function bootstrap(release, ...parameters) {
  return run(path.join(release, 'init', 'bootstrap.sh'), parameters, OPTIONS);
}

/** A release that is unpacked, not installed yet; stopped after `bench` has worked with it. */
export async function withRelease(tarball, bench) {
  return withDirectory(async (directory) => {
    const release = await unpack(tarball, directory);
    try {
      return await bench(release);
    } finally {
      await bootstrap(release, 'stop').catch(() => undefined);
    }
  });
}
