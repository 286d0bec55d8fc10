import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../../src/io/process.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PICTURES = path.join(ROOT, 'docs/pictures');

it('the picture of a terminal is that of the recording', async () => {
  const script = path.join(ROOT, 'tools/picture/terminal.mjs');
  const drawn = await run([process.execPath, script, path.join(PICTURES, 'install.txt')]);
  expect(drawn).toMatchObject({ exitCode: 0, stderr: '' });
  expect(`${drawn.stdout.trimEnd()}\n`).toBe(await readFile(path.join(PICTURES, 'install.svg'), 'utf8'));
});
