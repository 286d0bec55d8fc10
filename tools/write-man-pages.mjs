// Writes the manual pages of the compiled command line to dist/man. Usage: node tools/write-man-pages.mjs
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { manPages } from '../dist/cli/man-pages.js';
import { packageVersion } from '../dist/io/package-info.js';

const directory = path.join(import.meta.dirname, '../dist/man');
await rm(directory, { recursive: true, force: true });
await mkdir(directory);
for (const [name, text] of manPages(await packageVersion()))
  await writeFile(path.join(directory, name), text);
