import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * A build with only the sources in the cache, compared with the sum of the components' steps, one component after the
 * other, each with one process per processor: `configure && make && make install`, without fetching, unpacking,
 * assembling or packing.
 */
export async function measureCold({ root, cli }) {
  const { buildComponents } = await import(path.join(root, 'dist/build/build.js'));
  const { buildGraph } = await import(path.join(root, 'dist/build/plan.js'));
  const { findHostTools } = await import(path.join(root, 'dist/host/find.js'));
  const { fetchSource } = await import(path.join(root, 'dist/fetch/source.js'));
  const { openContext } = await import(path.join(root, 'dist/pipeline/context.js'));
  const { DEFAULT_PLATFORM, parsePlatform } = await import(path.join(root, 'dist/domain/platform.js'));
  const { loadRecipes } = await import(path.join(root, 'dist/recipe/load.js'));

  const platform = parsePlatform(DEFAULT_PLATFORM);
  const set = await loadRecipes(
    { recipes: path.join(root, 'recipes'), init: path.join(root, 'init') },
    platform,
  );
  const bundle = set.bundles.get('keystone');
  const names = [bundle.python.interpreter, ...bundle.components];
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
    const signal = new AbortController().signal;
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
    const context = await openContext({
      platform,
      jobs: os.availableParallelism(),
      offline: true,
      mirrors: [],
      cacheDirectory: cache,
      outDirectory: cache,
      recipesDirectory: path.join(root, 'recipes'),
      lockfilesDirectory: path.join(root, 'lockfiles'),
      emit,
      signal,
    });
    const target = { set, platform, buildArch: os.machine(), store: context.store };
    const { order } = buildGraph({ ...target, names });
    for (const name of order) {
      await buildComponents({
        ...target,
        names: [name],
        jobs: os.availableParallelism(),
        directory: cache,
        prefetch: () => Promise.resolve(),
        fetchSource: async (source) => (await fetchSource(source, context.fetch)).path,
        findTools: () => findHostTools({ signal }),
        findConfinement: context.confinement,
        placeOf: () => undefined,
        emit,
        signal,
      });
    }
    return sum / 1000;
  });
  return [
    { name: 'cold build, sources in the store', seconds: [whole], goal: 600 },
    { name: 'components one by one, steps only', seconds: [bare], goal: undefined },
    { name: 'cold build / one by one', unit: 'ratio', seconds: [whole / bare], goal: 1 },
  ];
}
