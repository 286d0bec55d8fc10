/**
 * Measures what README.md and docs/ claim, on this machine: `npm run bench`, or `npm run bench -- NAME…` for some of
 * it. Every figure is a whole-process wall time; medians are what counts, on a machine that does nothing else.
 * `cold` is left out unless named: it builds everything twice.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { measureCold } from './cold.mjs';

const run = promisify(execFile);
const ROOT = path.dirname(import.meta.dirname);
const CLI = [process.execPath, path.join(ROOT, 'dist', 'cli', 'main.js')];
const OPTIONS = { maxBuffer: 1 << 28 };

/** Seconds that `work` takes. */
async function time(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function repeat(runs, work) {
  const seconds = [];
  for (let index = 0; index < runs; index += 1) seconds.push(await time(() => work(index)));
  return seconds;
}

async function ksbundle(...parameters) {
  const [program, ...rest] = [...CLI, ...parameters];
  return (await run(program, rest, OPTIONS)).stdout.trim();
}

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Bytes below a directory, as `du --apparent-size` counts. */
async function sizeOf(directory) {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(path.join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** A release that is unpacked once and installed on loopback; `bench` measures with it. */
async function withInstance(tarball, bench) {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-bench-'));
  // The service runs as another account if root measures.
  await chmod(directory, 0o755);
  const release = path.join(directory, path.basename(tarball, '.tar.gz'));
  const bootstrap = (...parameters) => run(path.join(release, 'init', 'bootstrap.sh'), parameters, OPTIONS);
  try {
    return await bench({ directory, release, bootstrap });
  } finally {
    await bootstrap('stop').catch(() => undefined);
    await rm(directory, { recursive: true, force: true });
  }
}

const BENCHMARKS = {
  async start() {
    await ksbundle('--version');
    return [{ name: 'ksbundle --version', seconds: await repeat(9, () => ksbundle('--version')), goal: 0.3 }];
  },

  async 'no-op'(tarball) {
    return [
      {
        name: 'build, nothing changed',
        seconds: await repeat(5, () => ksbundle('build', 'keystone', '--out', path.dirname(tarball))),
        goal: 1,
      },
    ];
  },

  async verify(tarball) {
    return [
      { name: 'ksbundle verify', seconds: await repeat(5, () => ksbundle('verify', tarball)) },
      { name: 'ksbundle audit', seconds: await repeat(3, () => ksbundle('audit', tarball)) },
    ];
  },

  async token(tarball) {
    const seconds = [];
    for (let round = 0; round < 3; round += 1) {
      const port = String(await freePort());
      const measure = ({ directory, bootstrap }) =>
        time(async () => {
          await run('tar', ['xf', tarball, '-C', directory]);
          await bootstrap('--host', '127.0.0.1', '--port', port);
        });
      seconds.push(await withInstance(tarball, measure));
    }
    return [{ name: 'tar xf to the first token', seconds, goal: 15 }];
  },

  async life(tarball) {
    return withInstance(tarball, async ({ directory, bootstrap }) => {
      await run('tar', ['xf', tarball, '-C', directory]);
      const port = String(await freePort());
      const install = await time(() => bootstrap('--host', '127.0.0.1', '--port', port));
      const again = await repeat(3, () => bootstrap('--host', '127.0.0.1', '--port', port));
      const hosts = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
      const moved = await repeat(hosts.length, (index) => bootstrap('--host', hosts[index], '--port', port));
      return [
        { name: 'install to a token', seconds: [install], goal: 10 },
        { name: 'install again, nothing changed', seconds: again, goal: 2 },
        { name: 'install with another address', seconds: moved, goal: 4 },
      ];
    });
  },

  cold: () => measureCold({ root: ROOT, cli: CLI }),
};

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function print(rows) {
  console.log(
    `${'what'.padEnd(40)} ${'runs'.padStart(4)} ${'min'.padStart(8)} ${'median'.padStart(8)} ${'max'.padStart(8)} ${'goal'.padStart(7)} ${'ratio'.padStart(6)}`,
  );
  for (const { name, seconds, goal, unit = 's' } of rows) {
    const figures = [Math.min(...seconds), median(seconds), Math.max(...seconds)].map((value) =>
      value.toFixed(2).padStart(8),
    );
    const ratio = goal === undefined ? '' : (median(seconds) / goal).toFixed(2);
    console.log(
      `${`${name} (${unit})`.padEnd(40)} ${String(seconds.length).padStart(4)} ${figures.join(' ')} ${(goal ?? '').toString().padStart(7)} ${ratio.padStart(6)}`,
    );
  }
}

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : Object.keys(BENCHMARKS).filter((name) => name !== 'cold');
const unknown = names.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}
const tarball = await ksbundle('build', 'keystone');
const rows = await withInstance(tarball, async ({ directory }) => {
  await run('tar', ['xf', tarball, '-C', directory]);
  return [
    { name: 'tarball', unit: 'MB', seconds: [(await stat(tarball)).size / 1e6], goal: 45 },
    { name: 'unpacked', unit: 'MB', seconds: [(await sizeOf(directory)) / 1e6], goal: 180 },
  ];
});
for (const name of names) rows.push(...(await BENCHMARKS[name](tarball)));
print(rows);
