import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { buildGraph } from '../dist/build/plan.js';
import { openBuilder } from '../tools/component-builder.mjs';

const run = promisify(execFile);

/**
 * A build with only the sources in the cache, compared with the sum of the components' steps, one component after the
 * other, each with one process per processor: `configure && make && make install`, without fetching, unpacking,
 * assembling or packing.
 */
export async function measureCold(cli) {
  const [program, ...parameters] = cli;

  const withSources = async (work) => {
    const cache = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-cold-'));
    try {
      await run(program, [...parameters, 'fetch', 'keystone', '--cache', cache], { maxBuffer: 1 << 28 });
      return await work(cache);
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
  };

  const whole = await withSources(async (cache) => {
    const start = performance.now();
    await run(program, [...parameters, 'build', 'keystone', '--offline', '--cache', cache, '--out', cache], {
      maxBuffer: 1 << 28,
    });
    return (performance.now() - start) / 1000;
  });

  const bare = await withSources(async (cache) => {
    let sum = 0;
    let stepStart;
    const emit = (event) => {
      if (!event.task?.startsWith('build:') || event.task === 'build:toolchain') return;
      const now = performance.now();
      if (event.type === 'task-step' && stepStart === undefined) stepStart = now;
      if (event.type === 'task-ended' && stepStart !== undefined) {
        sum += now - stepStart;
        stepStart = undefined;
      }
    };
    const { set, target, build } = await openBuilder({ cacheDirectory: cache, offline: true, emit });
    const bundle = set.bundles.get('keystone');
    const { order } = buildGraph({ ...target, names: [bundle.python.interpreter, ...bundle.components] });
    for (const name of order) await build([name]);
    return sum / 1000;
  });
  return [
    { name: 'cold build, sources in the store', seconds: [whole], goal: 600 },
    { name: 'components one by one, steps only', seconds: [bare], goal: undefined },
    { name: 'cold build / one by one', unit: 'ratio', seconds: [whole / bare], goal: 1 },
  ];
}
