import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../../../src/io/process.ts';
import { withPage } from '../../support/browser.ts';

const BUILD = path.join(import.meta.dirname, '../../../tools/site/build.mjs');
/** All pages in all widths take a minute. */
const exhaustive = process.env['KSBUNDLE_TEST_EXHAUSTIVE'] === '1';
const WIDTHS = exhaustive ? [400, 1200, 1920] : [400];

let site: string;
beforeAll(async () => {
  site = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-site-'));
  const built = await run([process.execPath, BUILD, site]);
  if (built.exitCode !== 0) throw new Error(built.stderr);
});
afterAll(() => rm(site, { recursive: true }));

it.each(WIDTHS)(
  'pages of docs/ fit into a window of %d pixels, and fetch only their pictures',
  async (width) => {
    const names = (await readdir(site)).filter((name) => name.endsWith('.html'));
    for (const name of exhaustive ? names : ['bootstrap.html']) {
      const file = path.join(site, name);
      await withPage(file, { width, height: 900 }, async ({ evaluate, requests, complaints }) => {
        const tooWide = await evaluate<boolean>(`document.documentElement.scrollWidth > ${width}`);
        const foreign = requests.filter((url) => !url.startsWith(pathToFileURL(site).href));
        expect({ name, tooWide, foreign, complaints }).toEqual({
          name,
          tooWide: false,
          foreign: [],
          complaints: [],
        });
      });
    }
  },
);
