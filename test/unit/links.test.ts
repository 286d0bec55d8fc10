import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { exists } from '../../src/io/files.ts';

const ROOT = path.join(import.meta.dirname, '../..');

async function pages(): Promise<string[]> {
  const docs = (await readdir(path.join(ROOT, 'docs'))).filter((name) => name.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', ...docs.map((name) => `docs/${name}`)];
}

/** A page without its blocks of code. */
async function textOf(page: string): Promise<string> {
  return (await readFile(path.join(ROOT, page), 'utf8')).replaceAll(/^```.*?^```$/gms, '');
}

/** The anchors of a page's headings, as GitHub forms them. */
async function anchorsOf(page: string): Promise<ReadonlySet<string>> {
  const headings = (await textOf(page)).matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

async function isBroken(page: string, link: string): Promise<boolean> {
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? page : path.join(path.dirname(page), file);
  if (!(await exists(path.join(ROOT, target)))) return true;
  return anchor !== undefined && !(await anchorsOf(target)).has(anchor);
}

it('every link from one page to another leads somewhere', async () => {
  const broken: string[] = [];
  let count = 0;
  for (const page of await pages()) {
    for (const [, link = ''] of (await textOf(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      count += 1;
      if (await isBroken(page, link)) broken.push(`${page}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
  expect(count).toBeGreaterThan(20);
});
