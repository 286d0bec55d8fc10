import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { ksbundle, withDirectory } from './release.mjs';

const RUNS = 3;

/** Builds with an empty store, wheels in a mirror, and a shared build cache that has every component. */
export async function measureShared() {
  const seconds = await withDirectory(async (directory) => {
    const [key, shared, mirror, store] = ['cache.key', 'shared', 'mirror', 'store'].map((name) =>
      path.join(directory, name),
    );
    await ksbundle('keygen', key);
    await ksbundle('build', 'keystone', '--out', path.join(directory, 'built'));
    await ksbundle('cache', 'export', shared, 'keystone', '--sign', key);
    await ksbundle('mirror', mirror, 'keystone');
    const options = [
      '--offline',
      '--mirror',
      mirror,
      '--cache',
      store,
      '--out',
      path.join(directory, 'taken'),
    ];
    const taking = ['--cache-from', shared, '--cache-key', `${key}.pub`, '--cache-only'];
    const build = ['build', 'keystone', ...options, ...taking];
    const figures = [];
    for (let run = 0; run < RUNS; run += 1) {
      await rm(store, { recursive: true, force: true });
      const before = processorTimeOfChildren();
      await ksbundle(...build);
      figures.push(processorTimeOfChildren() - before);
    }
    return figures;
  });
  return [{ name: 'cold build from a shared cache, processor time', seconds, goal: 90 }];
}

/** Seconds of processor time of the children that this process has waited for, and of theirs: proc_pid_stat(5). */
function processorTimeOfChildren() {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return (Number(fields[13]) + Number(fields[14])) / ticks;
}
