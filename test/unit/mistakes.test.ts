import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';

const E2E = path.join(import.meta.dirname, '../e2e');

it('every message of mistakes.txt is that of a test', async () => {
  const tests = (await readdir(E2E)).filter((name) => name.endsWith('.test.ts'));
  const code = (await Promise.all(tests.map((name) => readFile(path.join(E2E, name), 'utf8')))).join('\n');
  const text = await readFile(path.join(E2E, 'mistakes.txt'), 'utf8');
  const titles = [...text.matchAll(/^## (.*)$/gm)].map(([, title = '']) => title);
  expect(titles.filter((title) => !code.includes(`'${title}'`))).toEqual([]);
  expect(titles.length).toBeGreaterThan(20);
});
