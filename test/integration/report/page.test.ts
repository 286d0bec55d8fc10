import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { formatReport } from '../../../src/report/report.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { withPage, type View } from '../../support/browser.ts';
import { HOSTILE, reportFacts } from '../../support/report-facts.ts';

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 400, height: 800 };

async function write(text: string): Promise<string> {
  const file = path.join(await temporaryDirectory(), 'report.html');
  await writeFile(file, text);
  return file;
}

/** Rectangles of the treemap's tiles, as fractions of its width and height. */
const TILES = `(() => {
  const map = document.querySelector('.treemap').getBoundingClientRect();
  return [...document.querySelectorAll('.treemap li')].map((tile) => {
    const { left, top, width, height } = tile.getBoundingClientRect();
    return [(left - map.left) / map.width, (top - map.top) / map.height, width / map.width, height / map.height];
  });
})()`;

/** Share of the treemap covered by exactly one tile, sampled in a grid of points. */
function coverage(tiles: readonly (readonly number[])[]): number {
  const points = Array.from({ length: 100 * 100 }, (_, index) => [
    ((index % 100) + 0.5) / 100,
    (Math.floor(index / 100) + 0.5) / 100,
  ]);
  const covered = points.filter(
    ([px = 0, py = 0]) =>
      tiles.filter(([x = 0, y = 0, w = 0, h = 0]) => px >= x && px < x + w && py >= y && py < y + h)
        .length === 1,
  );
  return covered.length / points.length;
}

describe('in a real browser, a report', () => {
  it('requests only itself, without console errors', async () => {
    const file = await write(formatReport(reportFacts(HOSTILE)));
    await withPage(file, WIDE, async ({ requests, complaints, evaluate }) => {
      expect(requests).toEqual([pathToFileURL(file).href]);
      expect(complaints).toEqual([]);
      expect(await evaluate('document.title')).toBe(`${HOSTILE}-1.0-1-linux-x86_64`);
      expect(await evaluate('document.querySelectorAll("script, img").length')).toBe(0);
      expect(
        await evaluate(`document.body.innerText.split(${JSON.stringify(HOSTILE)}).length`),
      ).toBeGreaterThan(10);
    });
  });

  it('would be kept from fetching, which would be noticed', async () => {
    const page = formatReport(reportFacts()).replace(
      '</main>',
      '<img src="http://127.0.0.1:9/x.png"></main>',
    );
    await withPage(await write(page), WIDE, ({ complaints }) => {
      expect(complaints.join()).toContain('Content Security Policy');
      return Promise.resolve();
    });
  });

  it('shows every size by an area, and the areas fill the whole', async () => {
    const facts = reportFacts();
    await withPage(await write(formatReport(facts)), WIDE, async ({ evaluate }) => {
      const tiles = await evaluate<number[][]>(TILES);
      expect(tiles.length).toBeGreaterThan(20);
      expect(coverage(tiles)).toBeGreaterThan(0.98);
      const [, , width = 0, height = 0] = tiles[0] ?? [];
      expect(width * height).toBeCloseTo(9_000_000 / facts.inspected.unpackedSize, 2);
      expect(await evaluate('document.querySelector(".treemap li").innerText')).toMatch(/^python 9\.0 MB$/u);
    });
  });

  it.each<[string, View]>([
    ['wide', WIDE],
    ['narrow', NARROW],
    ['dark', { ...NARROW, dark: true }],
  ])('is read without scrolling sideways, with enough contrast: %s', async (_, view) => {
    await withPage(await write(formatReport(reportFacts())), view, async ({ evaluate }) => {
      expect(await evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(view.width);
      expect(await evaluate<string[]>(LOW_CONTRAST)).toEqual([]);
      for (const text of ['built from source', '1 finding.', 'BSD-3-Clause', '2 tasks in 1 min 5 s'])
        expect(await evaluate('document.body.innerText')).toContain(text);
      const dark = await evaluate<string>('getComputedStyle(document.body).backgroundColor');
      expect(dark === 'rgb(255, 255, 255)').toBe(view.dark !== true);
    });
  });

  it('is accessible by keyboard: sections, tiles, tables, and details', async () => {
    await withPage(await write(formatReport(reportFacts())), WIDE, async ({ evaluate, press }) => {
      const reached: string[] = [];
      for (let index = 0; index < 60; index += 1) {
        await press('Tab');
        reached.push(
          await evaluate(
            '(({ tagName, ariaLabel, innerText }) => `${tagName} ${ariaLabel ?? innerText}`)(document.activeElement)',
          ),
        );
      }
      expect(reached[0]).toBe('A Audit');
      expect(reached).toContain('A Size');
      expect(reached.find((text) => text.startsWith('A python 1.0, 9.0 MB, '))).toBeDefined();
      expect(reached).toContain('DIV Findings');
      expect(reached).toContain('SUMMARY The rules');
    });
  });
});

/** Texts whose contrast with their background is below 4.5 to 1 (WCAG 2.2, 1.4.3). */
const LOW_CONTRAST = `(() => {
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let each = element; each !== null; each = each.parentElement) {
      const color = channels(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const opacity = (element) => (element === null ? 1 : Number(getComputedStyle(element).opacity) * opacity(element.parentElement));
  const low = [];
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('svg') !== null) continue;
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own) continue;
    const back = ground(element);
    const alpha = opacity(element);
    const ink = channels(getComputedStyle(element).color).slice(0, 3).map((value, index) => alpha * value + (1 - alpha) * back[index]);
    const [a, b] = [luminance(ink), luminance(back)].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(element.tagName + ' ' + element.textContent.trim().slice(0, 30));
  }
  return [...new Set(low)];
})()`;
