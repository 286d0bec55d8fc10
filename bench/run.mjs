/**
 * Measures the figures in README.md and docs/ on this machine: `npm run bench`, or `npm run bench -- NAME…` for some.
 * Every figure is the median wall time of a process unless stated otherwise, on an otherwise idle machine. `cold`,
 * `directory`, `serving`, `shared` and `slow-clients` run only if named: they take minutes or need root; `serving` and
 * `slow-clients` print separate tables. Existing tarballs are named as for the tests: KSBUNDLE_TEST_TARBALL, KSBUNDLE_TEST_OLD_TARBALL.
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { measureCold } from './cold.mjs';
import { measureDelta } from './delta.mjs';
import { measureInstall, measureLife, measureUpgrade } from './life.mjs';
import { measureInMachine } from './machines.mjs';
import { print, repeat } from './measure.mjs';
import { measurePack } from './pack.mjs';
import { CLI, ksbundle, withRelease } from './release.mjs';
import { measureServing } from './serving.mjs';
import { measureShared } from './shared.mjs';
import { measureSlowClients } from './slow-clients.mjs';

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

async function earlierTarball() {
  return process.env.KSBUNDLE_TEST_OLD_TARBALL ?? ksbundle('build', 'keystone-29');
}

const BENCHMARKS = {
  async size(tarball) {
    return [
      { name: 'tarball', unit: 'MB', seconds: [(await stat(tarball)).size / 1e6], goal: 45 },
      { name: 'unpacked', unit: 'MB', seconds: [(await withRelease(tarball, sizeOf)) / 1e6], goal: 180 },
    ];
  },

  async start() {
    await ksbundle('--version');
    return [{ name: 'ksbundle --version', seconds: await repeat(9, () => ksbundle('--version')), goal: 0.3 }];
  },

  async 'no-op'() {
    await ksbundle('build', 'keystone');
    const again = await repeat(5, () => ksbundle('build', 'keystone'));
    return [{ name: 'build, nothing changed', seconds: again, goal: 1 }];
  },

  async verify(tarball) {
    return [
      { name: 'ksbundle verify', seconds: await repeat(5, () => ksbundle('verify', tarball)), goal: 1.5 },
      { name: 'ksbundle audit', seconds: await repeat(3, () => ksbundle('audit', tarball)) },
    ];
  },

  pack: measurePack,
  install: measureInstall,
  life: measureLife,
  upgrade: async (tarball) => measureUpgrade(tarball, await earlierTarball()),
  delta: async (tarball) => measureDelta(tarball, await earlierTarball()),

  directory: (tarball) => measureInMachine('directory', tarball),
  serving: measureServing,
  'slow-clients': measureSlowClients,
  cold: () => measureCold(CLI),
  shared: measureShared,
};

/** Run only if named. */
const LONG = new Set(['cold', 'directory', 'serving', 'shared', 'slow-clients']);

const wanted = process.argv.slice(2);
const names = wanted.length > 0 ? wanted : Object.keys(BENCHMARKS).filter((name) => !LONG.has(name));
const unknown = names.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}
const tarball = process.env.KSBUNDLE_TEST_TARBALL ?? (await ksbundle('build', 'keystone'));
const rows = [];
for (const name of names) rows.push(...(await BENCHMARKS[name](tarball)));
if (rows.length > 0) print(rows);
