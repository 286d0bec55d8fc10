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

/** Runs the command line as users do; returns its output. */
export async function ksbundle(...parameters) {
  const [program, ...rest] = [...CLI, ...parameters];
  return (await run(program, rest, OPTIONS)).stdout.trim();
}

/** A free TCP port. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Runs `bench` in a temporary directory. */
export async function withDirectory(bench) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-bench-'));
  try {
    // If run by root, the service has another account.
    await chmod(directory, 0o755);
    return await bench(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Unpacks a tarball; returns the release's directory. */
export async function unpack(tarball, directory) {
  await run('tar', ['xf', tarball, '-C', directory]);
  return path.join(directory, path.basename(tarball, '.tar.gz'));
}

/** Runs bootstrap of a release. */
export function bootstrap(release, ...parameters) {
  return run(path.join(release, 'init', 'bootstrap.sh'), parameters, OPTIONS);
}

/** Runs `bench` with an unpacked, not yet installed release, and stops it afterwards. */
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
