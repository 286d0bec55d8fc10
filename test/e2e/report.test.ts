import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { withPage } from '../support/browser.ts';
import { releaseName, tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';

const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-report-'));
afterAll(() => rm(directory, { recursive: true, force: true }));

it('the real bundle as a page: every part, a clean audit, and no external resources', async () => {
  const page = path.join(directory, 'report.html');
  const again = path.join(directory, 'again.html');
  for (const file of [page, again]) {
    const written = await ksbundle(['inspect', tarball(), '--html', file]);
    expect(written).toMatchObject({ exitCode: 0, stdout: file });
  }
  expect(await readFile(page, 'utf8')).toBe(await readFile(again, 'utf8'));

  const inspected = await ksbundle(['inspect', tarball(), '--json']);
  const { parts } = JSON.parse(inspected.stdout) as { readonly parts: readonly { readonly name: string }[] };
  await withPage(page, { width: 1280, height: 900 }, async ({ evaluate, requests, complaints }) => {
    expect({ requests, complaints }).toEqual({ requests: [pathToFileURL(page).href], complaints: [] });
    expect(await evaluate('document.title')).toBe(releaseName());
    const names = await evaluate<string[]>(
      `[...document.querySelectorAll('[aria-label="Parts"] tbody th')].map((cell) => cell.innerText)`,
    );
    expect(names.slice(1)).toEqual(parts.map(({ name }) => name));
    const text = await evaluate<string>('document.body.innerText');
    expect(text).toContain('Clean.');
    expect(text).toContain('cpython');
    expect(await evaluate('document.querySelectorAll("svg.graph path").length')).toBeGreaterThan(10);
  });
});
