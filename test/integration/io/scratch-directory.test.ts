import type { ChildProcess } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { UNCONFINED } from '../../../src/io/confinement.ts';
import { withScratchDirectory } from '../../../src/io/scratch-directory.ts';
import { applyDelta } from '../../../src/pack/delta/apply.ts';
import { makeDelta } from '../../../src/pack/delta/make.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { firstWord, kill, startScript } from '../../support/child-process.ts';
import { compile, type Compiled } from '../../support/compile.ts';
import { packDemo } from '../../support/packed-release.ts';

const HIDDEN = /^\.ksbundle-[0-9a-f-]+$/u;

let compiled: Compiled;
let parent: string;

beforeAll(async () => {
  compiled = await compile(['io/scratch-directory.ts']);
});
afterAll(() => compiled.remove());
beforeEach(async () => {
  parent = await temporaryDirectory();
});

/** A process that works in a scratch directory until it is killed. */
async function startWorker(): Promise<ChildProcess> {
  const script = `
    import { writeFile } from 'node:fs/promises';
    import { withScratchDirectory } from ${JSON.stringify(compiled.urlOf('io/scratch-directory.ts'))};
    setInterval(() => {}, 1000);
    await withScratchDirectory(${JSON.stringify(parent)}, async (directory) => {
      await writeFile(directory + '/old.tar', 'half of it');
      console.log('at work');
      await new Promise(() => {});
    });`;
  const worker = startScript(script);
  await firstWord(worker);
  return worker;
}

test('it is removed, also after a failure', async () => {
  const seen = await withScratchDirectory(path.join(parent, 'new', 'one'), (directory) => readdir(directory));
  expect(seen).toEqual([]);
  await expect(withScratchDirectory(parent, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await readdir(parent, { recursive: true })).toEqual(['new', 'new/one']);
  const unmade = path.join(parent, 'new', 'two', 'three');
  await expect(withScratchDirectory(unmade, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await readdir(parent, { recursive: true })).toEqual(['new', 'new/one']);
});

test('the remains of a killed process are removed, but not those of a running one or other files', async () => {
  await writeFile(path.join(parent, '.ksbundle-notes.lock'), 'not ours');
  await kill(await startWorker());
  const left = (await readdir(parent)).find((name) => HIDDEN.test(name));
  const worker = await startWorker();
  try {
    const there = await withScratchDirectory(parent, () => readdir(parent));
    expect(left).toBeDefined();
    expect(there).not.toContain(left);
    expect(there).not.toContain(`${left}.lock`);
    expect(there.filter((name) => HIDDEN.test(name))).toHaveLength(2);
    expect(await readdir(parent)).toHaveLength(3);
  } finally {
    await kill(worker);
  }
});

test('delta and apply remove the remains of killed runs beside their results', async () => {
  const [{ packed: from }, { packed: to }] = [
    await packDemo(),
    await packDemo((release) => writeFile(path.join(release, 'lib', 'app.py'), 'print(2)\n')),
  ];
  await kill(await startWorker());
  const { file: delta } = await makeDelta(from.tarball, to.tarball, {
    confinement: UNCONFINED,
    directory: parent,
  });
  expect(await readdir(parent)).toEqual([path.basename(delta)]);
  await kill(await startWorker());
  const { file } = await applyDelta(from.tarball, delta, { confinement: UNCONFINED, directory: parent });
  expect((await readdir(parent)).toSorted()).toEqual([path.basename(delta), path.basename(file)].toSorted());
});
