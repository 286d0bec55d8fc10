import { describe, expect, it } from 'vitest';
import { recordTimeline } from '../../../src/domain/timeline.ts';
import { html } from '../../../src/report/html.ts';
import { formatReport } from '../../../src/report/report.ts';
import { squarify } from '../../../src/report/squarify.ts';
import { HOSTILE, reportFacts } from '../../support/report-facts.ts';

describe('a report', () => {
  it('is the same for the same facts', () => {
    expect(formatReport(reportFacts())).toBe(formatReport(reportFacts()));
  });

  it('has no element that runs code or fetches anything, whatever the names', () => {
    const page = formatReport(reportFacts(HOSTILE));
    const elements = new Set([...page.matchAll(/<([a-z0-9]+)/giu)].map(([, name]) => name));
    for (const name of ['script', 'img', 'link', 'iframe', 'object', 'base', 'form'])
      expect(elements).not.toContain(name);
    const attributes = new Set(
      [...page.matchAll(/<[a-z0-9]+((?:\s+[a-z-]+="[^"]*")*)/giu)].flatMap(([, text = '']) =>
        [...text.matchAll(/\s([a-z-]+)="/giu)].map(([, name]) => name),
      ),
    );
    for (const name of ['style', 'src', 'srcset', 'onerror', 'onload'])
      expect(attributes).not.toContain(name);
    expect(page.match(/href="(?!#)/gu)).toBeNull();
  });

  it('begins with the verdict on the release', () => {
    const facts = reportFacts();
    const verdict = (changed: Partial<typeof facts>): string => {
      const [, text = ''] =
        /<div class="verdict">(.*?)<\/div>/su.exec(formatReport({ ...facts, ...changed })) ?? [];
      return text
        .replaceAll(/<[^>]*>/gu, ' ')
        .replaceAll(/\s+/gu, ' ')
        .trim();
    };
    const clean = { ...facts.audit, findings: [] };
    expect(verdict({})).toMatch(
      /^Problems found: read them before you use this release\. Audit 1 finding Vulnerabilities/,
    );
    expect(verdict({ audit: clean, advisories: undefined })).toBe(
      'No problems found, but not everything was checked. Audit clean Vulnerabilities not looked up Signature none Release aaaaaaaaaaaa…',
    );
    expect(verdict({ audit: clean, signature: 'unchecked' })).toContain(
      'Signature present, not checked here',
    );
  });

  it("lists embedded parts in their part's row, and among the licences", () => {
    const page = formatReport(reportFacts()).replaceAll(/\s+/gu, ' ');
    const row = (of: string): string =>
      new RegExp(`<tr( id="[^"]*")?> <th scope="row">${of}.*?</tr>`, 'u').exec(page)?.[0] ?? '';
    expect(row('<span class="dot component"></span>python')).toMatch(
      /1 package inside<\/summary> <ul> <li>openssl 3\.3\.2 <small>not stated<\/small>/u,
    );
    expect(row('ISC')).toMatch(/<a href="#part-\d+">demo\/cargo:demo<\/a>/u);
    expect(row('<span class="dot component"></span>zlib')).not.toContain('inside');
  });

  it('has one row for everything that the build fetched', () => {
    const fetched = (name: string, start: number, time: number) =>
      ({ task: `fetch:${name}`, title: `Fetching ${name}`, outcome: 'done', start, time }) as const;
    const page = formatReport({
      ...reportFacts(),
      timeline: {
        format: 1,
        tarball: reportFacts().tarball,
        tasks: [
          fetched('all', 0, 9000),
          fetched('zlib.tar.xz', 10, 4000),
          fetched('late.whl', 4500, 500),
          { task: 'build:zlib', title: 'zlib 1.0', outcome: 'done', start: 9000, time: 11_000 },
          { ...fetched('zlib.tar.xz', 19_000, 10), outcome: 'reused' },
        ],
      },
    });
    expect(page).toContain('2 tasks in 20 s');
    expect(page).toContain('#task-0{margin-left:0.000%;width:45.000%}');
    expect(page).toMatch(/fetch <strong>2 files<\/strong>/u);
    expect(page).not.toContain('zlib.tar.xz</strong>');
  });

  it('draws no line through a box', () => {
    const page = formatReport(reportFacts());
    expect(page).toContain('marker-end="url(#tip)"');
    const rows = (attribute: string): number[] =>
      [...page.matchAll(new RegExp(`<rect[^>]*\\s${attribute}="([0-9.]+)"`, 'gu'))].map(([, value]) =>
        Number(value),
      );
    const boxes = rows('x').map((x, index) => ({ x, y: rows('y')[index] ?? 0 }));
    expect(boxes.length).toBeGreaterThan(2);
    // Horizontal lines that run past a layer: `… X YH RIGHT`.
    const level = [...page.matchAll(/ (?<left>[0-9.]+) (?<y>[0-9.]+)H(?<right>[0-9.]+)/gu)].map(
      ({ groups }) => groups ?? {},
    );
    expect(level.length).toBeGreaterThan(0);
    for (const { left, y } of level)
      expect(boxes.filter((box) => box.x === Number(left) && Math.abs(box.y + 15 - Number(y)) < 16)).toEqual(
        [],
      );
  });

  it('states what is unknown', () => {
    const page = formatReport({ ...reportFacts(), timeline: undefined, advisories: undefined });
    expect(page).toContain('Not known: there is no');
    expect(page).toContain('Not looked up: no database');
  });
});

describe('a template', () => {
  it('escapes every value that is not HTML itself', () => {
    const inner = html`<b>${'<&>'}</b>`;
    expect(html`<p title="${`"'`}">${inner}${[inner, inner]}${1}</p>`.html).toBe(
      `<p title="&quot;&#39;"><b>&lt;&amp;&gt;</b>${'<b>&lt;&amp;&gt;</b>'.repeat(2)}1</p>`,
    );
  });
});

describe('a treemap', () => {
  const area = { x: 0, y: 0, width: 6, height: 4 };

  it('matches the published example', () => {
    const places = squarify([6, 6, 4, 3, 2, 2, 1], area);
    expect(
      places.map(({ x, y, width, height }) =>
        [x, y, width, height].map((value) => Math.round(value * 100) / 100),
      ),
    ).toEqual([
      [0, 0, 3, 2],
      [0, 2, 3, 2],
      [3, 0, 1.71, 2.33],
      [4.71, 0, 1.29, 2.33],
      [3, 2.33, 1.2, 1.67],
      [4.2, 2.33, 1.2, 1.67],
      [5.4, 2.33, 0.6, 1.67],
    ]);
  });

  it('gives each part its share and fills the area', () => {
    const sizes = Array.from({ length: 200 }, (_, index) => 1e6 / (index + 1) ** 1.5);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const places = squarify(sizes, area);
    for (const [index, { x, y, width, height }] of places.entries()) {
      expect((width * height) / 24).toBeCloseTo((sizes[index] ?? 0) / total, 9);
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(6 + 1e-9);
      expect(y + height).toBeLessThanOrEqual(4 + 1e-9);
    }
  });
});

describe('a timeline', () => {
  it('has ended tasks in order of their start, and passes on every event', () => {
    let now = 1000;
    const seen: string[] = [];
    const { emit, tasks } = recordTimeline(
      ({ type }) => seen.push(type),
      () => now,
    );
    emit({ type: 'task-started', task: 'build:a', title: 'a 1' });
    now = 1500;
    emit({ type: 'task-started', task: 'build:b', title: 'b 1' });
    emit({ type: 'task-ended', task: 'build:b', outcome: 'reused', time: 20 });
    emit({ type: 'task-started', task: 'build:c', title: 'c 1' });
    emit({ type: 'task-ended', task: 'build:a', outcome: 'done', time: 700 });
    expect(tasks()).toEqual([
      { task: 'build:a', title: 'a 1', outcome: 'done', start: 0, time: 700 },
      { task: 'build:b', title: 'b 1', outcome: 'reused', start: 500, time: 20 },
    ]);
    expect(seen).toHaveLength(5);
  });
});
