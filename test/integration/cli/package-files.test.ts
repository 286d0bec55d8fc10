import { cp, mkdir, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { listTree, removeTree } from '../../../src/io/files.ts';
import { packageFiles } from '../../../src/io/package-files.ts';
import { run } from '../../../src/io/process.ts';

test('ksbundle runs by itself from an escrow archive, which has no development files', async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-package-'));
  onTestFinished(() => removeTree(directory));
  const files = await packageFiles();
  for (const { from, to } of files) {
    await mkdir(path.dirname(path.join(directory, to)), { recursive: true });
    await cp(from, path.join(directory, to));
  }
  const copied = (await listTree(directory)).filter(({ kind }) => kind === 'file');
  expect(copied.map((entry) => entry.path).toSorted()).toEqual(files.map(({ to }) => to).toSorted());
  const packages = new Set(files.map(({ to }) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(to)?.[0]));
  expect([...packages]).toEqual(expect.arrayContaining(['node_modules/zod', 'node_modules/undici']));
  for (const name of ['vitest', 'typescript', '.bin']) expect(packages).not.toContain(`node_modules/${name}`);

  // Loads the pipeline with all imports: a missing package would have another exit code than a missing file.
  const main = path.join(directory, 'dist/cli/main.js');
  const result = await run([process.execPath, main, 'inspect', '/does/not/exist'], { directory });
  expect(result.stderr).toContain('KSB_FILE_UNREADABLE');
  const recipes = await run([process.execPath, main, 'recipes'], { directory });
  expect(recipes.stderr).toBe('');
  expect(recipes.stdout).toContain('keystone');
});
