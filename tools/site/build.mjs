// Writes the pages of docs/ as HTML that works from a file, without scripts and without a network.
// Usage: node tools/site/build.mjs [DIRECTORY], by default out/docs.
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { SECTIONS, withServicePages } from '../../dist/pages/contents.js';
import { fileOf, formatPage } from '../../dist/pages/page.js';

const ROOT = path.join(import.meta.dirname, '../..');
const DOCS = path.join(ROOT, 'docs');
const out = path.resolve(process.argv[2] ?? path.join(ROOT, 'out/docs'));

await mkdir(out, { recursive: true });
const names = (await readdir(DOCS)).filter((name) => name.endsWith('.md'));
const texts = new Map(
  await Promise.all(names.map(async (name) => [name, await readFile(path.join(DOCS, name), 'utf8')])),
);
const site = { name: 'ksbundle', sections: withServicePages(SECTIONS, texts) };
for (const [source, text] of texts)
  await writeFile(path.join(out, fileOf(source)), formatPage(site, source, text));
for (const folder of ['pictures', 'schema'])
  await cp(path.join(DOCS, folder), path.join(out, folder), { recursive: true });
process.stdout.write(`${path.join(out, 'index.html')}\n`);
