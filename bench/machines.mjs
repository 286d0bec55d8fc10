import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ROOT, withDirectory } from './release.mjs';

/**
 * What bench/machines/NAME.bench.ts reports. It uses a machine without a network, so it needs root. If it fails, what it
 * reported by then is returned, and this process fails at its end.
 */
export function measureInMachine(name, tarball) {
  return withDirectory(async (directory) => {
    const file = path.join(directory, 'results.json');
    const vitest = path.join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
    const measuring = spawn(process.execPath, [vitest, 'run', '--project', 'bench', `/${name}.bench.ts`], {
      cwd: ROOT,
      env: { ...process.env, KSBUNDLE_TEST_TARBALL: tarball, KSBUNDLE_BENCH_RESULTS: file },
      stdio: ['ignore', 2, 2],
    });
    const [code] = await once(measuring, 'exit');
    if (code !== 0) {
      console.error(`error: bench/machines/${name}.bench.ts fails; its results are incomplete`);
      process.exitCode = 1;
    }
    return JSON.parse(await readFile(file, 'utf8'));
  });
}
