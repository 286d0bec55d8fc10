import { mkdtemp, rm, stat } from 'node:fs/promises';
import os, { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findConfinement } from '../../../src/host/confinement.ts';
import { collectContent } from '../../../src/io/archive/entry.ts';
import { removeTree } from '../../../src/io/files.ts';
import { programOutput } from '../../../src/io/program-output.ts';
import { run } from '../../../src/io/process.ts';
import { compile } from '../../support/compile.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'ksbundle-output-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const root = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-root-'));
afterAll(() => removeTree(root));
const OPTIONS = {
  why: 'for a test',
  failed: (reason: string) => new Error(`it failed: ${reason}`),
  confinement: await findConfinement({ root }),
};

describe('through a file', () => {
  const spool = (most: number) => ({ file: path.join(directory, 'spool'), most });

  test('all of it is captured, also late output', async () => {
    const size = 9_000_001;
    const script = `head -c ${size - 3} /dev/zero; sleep 0.2; printf end`;
    const content = await collectContent(
      programOutput(['sh', '-c', script], { ...OPTIONS, spool: spool(size) }),
    );
    expect(content.length).toBe(size);
    expect(content.subarray(-4).toString()).toBe('\0end');
  });

  test('a failing program is reported with its output', async () => {
    const argv = ['sh', '-c', 'echo half; echo no more >&2; exit 1'] as const;
    const output = programOutput([...argv], { ...OPTIONS, spool: spool(100) });
    await expect(collectContent(output)).rejects.toThrow('it failed: no more');
  });

  test('a program that writes too much is killed', async () => {
    const most = 10_000_000;
    const output = programOutput(['cat', '/dev/zero'], { ...OPTIONS, spool: spool(most) });
    await expect(collectContent(output)).rejects.toThrow(
      `it failed: the output is larger than ${most} bytes`,
    );
    expect((await stat(spool(most).file)).size).toBeGreaterThan(most);
  });

  test('a full disk is reported as such', async ({ skip }) => {
    if ((await run(['unshare', '-rm', 'true'])).exitCode !== 0) skip('needs user and mount namespaces');
    const compiled = await compile(['io/program-output.ts']);
    try {
      const script = `
        const { programOutput } = await import(${JSON.stringify(compiled.urlOf('io/program-output.ts'))});
        const spool = { file: process.argv[1] + '/spool', most: 1e9 };
        const confinement = { enter: (command) => command };
        const output = programOutput(['cat', '/dev/zero'], { why: '', failed: (reason) => new Error(reason), confinement, spool });
        try {
          for await (const _ of output);
        } catch (error) {
          console.log(error.code);
        }`;
      const node = [process.execPath, '--input-type=module', '-e', script, directory];
      const mounted = 'mount -t tmpfs -o size=6m none "$0" && exec "$@"';
      const result = await run(['unshare', '-rm', 'sh', '-c', mounted, directory, ...node], {
        environment: { PATH: process.env['PATH'] ?? '' },
      });
      expect(result).toMatchObject({ exitCode: 0, stdout: 'ENOSPC', stderr: '' });
    } finally {
      await compiled.remove();
    }
  });
});
