import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpret, parseArguments } from '../../src/cli/parse.ts';
import { exists } from '../../src/io/files.ts';
import type { ServiceRecipe } from '../../src/domain/recipe.ts';
import type { Wsgi } from '../../src/domain/service.ts';
import { run } from '../../src/io/process.ts';
import { SECTIONS, shippedSections } from '../../src/pages/contents.ts';
import { formatReleasePages } from '../../src/pages/release-pages.ts';
import { loadRecipes } from '../../src/recipe/load.ts';
import { projectAt } from '../support/projects.ts';
import { makeService } from '../support/releases.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const DOCS = path.join(ROOT, 'docs');

const pageNames = (await readdir(DOCS)).filter((name) => name.endsWith('.md'));
const readPage = (name: string): Promise<string> => readFile(path.join(DOCS, name), 'utf8');

describe('npm run docs', () => {
  let site: string;
  let files: ReadonlyMap<string, string>;
  beforeAll(async () => {
    site = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-site-'));
    const built = await run([process.execPath, path.join(ROOT, 'tools/site/build.mjs'), site]);
    if (built.exitCode !== 0) throw new Error(built.stderr);
    const names = (await readdir(site)).filter((name) => name.endsWith('.html'));
    const read = names.map(async (name) => [name, await readFile(path.join(site, name), 'utf8')] as const);
    files = new Map(await Promise.all(read));
  });
  afterAll(() => rm(site, { recursive: true }));

  it('writes every page of docs/', () => {
    const expected = pageNames.map((name) => (name === 'README.md' ? 'index' : path.parse(name).name));
    expect([...files.keys()].sort()).toEqual(expected.map((name) => `${name}.html`).sort());
  });

  it('writes links that lead somewhere in the site, and all pages are linked from each', async () => {
    const broken: string[] = [];
    for (const [name, html] of files) {
      for (const [, link = ''] of html.matchAll(/(?:href|src)="([^"]*)"/g)) {
        if (/^https?:/.test(link)) continue;
        const [file = '', anchor] = link.split('#');
        const target = files.get(file === '' ? name : file);
        const found = target === undefined ? await exists(path.join(site, file)) : true;
        const isThere = anchor === undefined || target?.includes(` id="${anchor}"`) === true;
        if (!found || !isThere) broken.push(`${name}: ${link}`);
      }
      const unlinked = [...files.keys()].filter((file) => !html.includes(`href="${file}"`));
      expect(unlinked).toEqual([]);
    }
    expect(broken).toEqual([]);
  });

  it('writes pages that run nothing and fetch nothing', () => {
    for (const html of files.values()) {
      expect(html).not.toMatch(/<script|<link|@import|url\(|\son\w+=|src="https?:/);
      expect(html).toContain('<h1 ');
    }
  });
});

describe('the pages of a release', () => {
  const pagesFor = async (...recipes: readonly ServiceRecipe[]): Promise<ReadonlyMap<string, string>> => {
    const services = recipes.map(({ service }) => service);
    const sources = shippedSections(services).flatMap(({ pages }) => pages.map(({ source }) => source));
    const general = sources.map(async (source) => [source, await readPage(source)] as const);
    const own = ['shop.md', '# The `shop`\n\n[bootstrap.md](bootstrap.md), [cli.md](cli.md)\n'] as const;
    const texts = new Map([...(await Promise.all(general)), own]);
    return formatReleasePages({ release: 'demo 1.0-1', summary: 'a <demo>', services, texts });
  };
  const wsgi = makeService('shop');
  const served = { ...wsgi, service: { ...wsgi.service, wsgi: {} as Wsgi } };

  it('are those that concern its services', async () => {
    const few = await pagesFor(makeService('demo'));
    const more = await pagesFor(served);
    expect([...few.keys()]).toEqual(
      expect.arrayContaining(['README.md', 'index.html', 'bootstrap.md', 'bootstrap.html']),
    );
    expect([...more.keys()].filter((name) => !few.has(name)).sort()).toEqual(
      ['serving'].flatMap((name) => [`${name}.html`, `${name}.md`]),
    );
    expect([...few.keys()].filter((name) => !more.has(name))).toEqual([]);
    expect(few.get('shop.md')).toBe('# The `shop`\n\n[bootstrap.md](bootstrap.md), The command line\n');
    expect(few.get('index.html')).toContain('<a href="shop.html">The shop</a>');
  });

  it('are those of docs/, each in the contents or of a service', async () => {
    const { bundles } = await loadRecipes(projectAt(ROOT), {
      arch: 'x86_64',
      floor: { major: 2, minor: 17 },
    });
    const services = [...bundles.values()].flatMap((bundle) => bundle.services);
    const general = SECTIONS.flatMap(({ pages }) => pages.map(({ source }) => source));
    const own = services.flatMap(({ pages }) => pages.map((page) => path.relative(DOCS, page)));
    expect([...new Set([...general, ...own])].sort()).toEqual(pageNames.toSorted());
  });

  it('link only to each other, and all are linked from the start page', async () => {
    const pages = await pagesFor(served);
    const broken: string[] = [];
    for (const [name, text] of pages) {
      const pattern = name.endsWith('.html') ? /(?:href|src)="([^"]*)"/g : /\]\(([^)\s]+)\)/g;
      for (const [, link = ''] of text.matchAll(pattern)) {
        const [file = ''] = link.split('#');
        if (file !== '' && !/^https?:/.test(link) && !pages.has(file)) broken.push(`${name}: ${link}`);
      }
    }
    expect(broken).toEqual([]);
    const names = [...pages.keys()].filter((name) => !['index.html', 'README.md'].includes(name));
    const starts = `${pages.get('index.html')}${pages.get('README.md')}`;
    expect(names.filter((name) => !starts.includes(`"${name}"`) && !starts.includes(`(${name})`))).toEqual(
      [],
    );
    expect(pages.get('index.html')).toContain('<title>demo 1.0-1</title>');
    expect(pages.get('index.html')).toContain('a &lt;demo&gt;');
  });
});

it('docs/troubleshooting.md quotes real messages', async () => {
  const messages = await readFile(path.join(ROOT, 'test/e2e/mistakes.txt'), 'utf8');
  const rows = [...(await readPage('troubleshooting.md')).matchAll(/^\| (`.*?`) +\|/gm)];
  const quoted = rows.flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
  );
  expect(quoted.filter((text) => !messages.includes(text))).toEqual([]);
  expect(quoted.length).toBeGreaterThan(25);
});

it('every ksbundle command in the pages is a command line', async () => {
  const wrong: string[] = [];
  let count = 0;
  for (const name of [...pageNames.map((page) => `docs/${page}`), 'README.md']) {
    const text = await readFile(path.join(ROOT, name), 'utf8');
    for (const [, block = ''] of text.matchAll(/^```(?:sh|console)\n(.*?)^```$/gms)) {
      for (const [, line = ''] of block.matchAll(/^(?:\$ )?(?:npx )?ksbundle ([^#&|>\n]*)/gm)) {
        count += 1;
        try {
          interpret(parseArguments(line.trim().split(/\s+/)));
        } catch (error) {
          wrong.push(`${name}: ksbundle ${line}: ${String(error)}`);
        }
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(count).toBeGreaterThan(30);
});
