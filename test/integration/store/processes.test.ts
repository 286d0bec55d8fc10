import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { hashFile } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';
import { openStore } from '../../../src/store/open.ts';
import { compile, type Compiled } from '../../support/compile.ts';

let compiled: Compiled;
let root: string;

beforeAll(async () => {
  compiled = await compile(['store/open.ts']);
});
afterAll(() => compiled.remove());
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'ksbundle-processes-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Command of a process that runs `body` with `store` open in the directory `at`. */
function storeProcess(at: string, body: string): string[] {
  const script = `
    import { openStore } from ${JSON.stringify(compiled.urlOf('store/open.ts'))};
    const store = await openStore(${JSON.stringify(at)});
    ${body}`;
  return [process.execPath, '--input-type=module', '-e', script];
}

test('processes that add the same content at once end with one valid entry', async () => {
  const file = path.join(root, 'content');
  await writeFile(file, Buffer.alloc(3_000_000, 'content'));
  const at = path.join(root, 'store');
  const body = `
    for (let turn = 0; turn < 10; turn++) {
      const { sha256 } = await store.addFile(${JSON.stringify(file)});
      if (await store.findVerified(sha256) === undefined) throw new Error('lost');
    }`;
  const results = await Promise.all([1, 2, 3].map(() => run(storeProcess(at, body))));
  expect(results.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
    [0, ''],
    [0, ''],
    [0, ''],
  ]);
  const store = await openStore(at);
  expect((await store.list()).map((entry) => entry.sha256)).toEqual([await hashFile(file)]);
  expect(await store.verifyAll()).toEqual([]);
  expect(await readdir(store.temporary)).toEqual([]);
}, 30_000);

test('a killed process leaves no half entry', async () => {
  const at = path.join(root, 'store');
  const body = `
    const endless = (async function* () { for (;;) yield Buffer.alloc(65536); })();
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200);
    await store.add(endless);`;
  expect(await run(storeProcess(at, body))).toMatchObject({ signal: 'SIGKILL' });
  const store = await openStore(at);
  expect(await store.list()).toEqual([]);
}, 30_000);

test('a full disk is reported as such, and nothing half-written stays', async ({ skip }) => {
  if ((await run(['unshare', '-rm', 'true'])).exitCode !== 0) skip('needs user and mount namespaces');
  const at = path.join(root, 'full');
  const report = path.join(root, 'report.json');
  const body = `
    import { readdir, writeFile } from 'node:fs/promises';
    const big = (async function* () { for (let n = 0; n < 100; n++) yield Buffer.alloc(65536); })();
    const error = await store.add(big).catch((reason) => reason);
    const { sha256 } = await store.add((async function* () { yield Buffer.from('small'); })());
    await writeFile(${JSON.stringify(report)}, JSON.stringify({
      facts: error.facts, left: await readdir(store.temporary), stored: (await store.list()).length,
      sound: await store.findVerified(sha256) !== undefined }));`;
  const mounted = 'mkdir -p "$0" && mount -t tmpfs -o size=1m none "$0" && exec "$@"';
  const result = await run(['unshare', '-rm', 'sh', '-c', mounted, at, ...storeProcess(at, body)]);
  expect(result).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(await readFile(report, 'utf8'))).toEqual({
    facts: expect.objectContaining({
      code: 'KSB_DISK_FULL',
      exitCode: 1,
      message: expect.stringContaining(at),
    }),
    left: [],
    stored: 1,
    sound: true,
  });
  expect((await stat(at)).isDirectory()).toBe(true);
}, 30_000);
