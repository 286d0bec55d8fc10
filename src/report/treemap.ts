import { formatBytes } from '../domain/quantities.ts';
import type { ReportPart } from './facts.ts';
import { html, type Html } from './html.ts';
import { squarify, type Rectangle } from './squarify.ts';

/** A section with its style rules: the policy forbids inline styles, so they are in the style sheet. */
export interface StyledHtml {
  readonly content: Html;
  readonly css: string;
}

interface Tile {
  readonly kind: ReportPart['kind'] | 'rest';
  readonly label: string;
  /** Text for screen readers and tooltips. */
  readonly title: string;
  readonly target: string;
  readonly size: number;
}

/** Parts below this share have a common tile: they would be unreadable. */
const SMALLEST = 0.004;
/** Width and height, as in the style sheet for wide windows. */
const AREA: Rectangle = { x: 0, y: 0, width: 160, height: 90 };

/** The parts of a release as areas, by size on disk. */
export function renderTreemap(parts: readonly ReportPart[]): StyledHtml {
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  if (total === 0) return { content: html`<p>No part has a file.</p>`, css: '' };
  const tiles = tilesOf(parts, total);
  const rectangles = squarify(
    tiles.map(({ size }) => size),
    AREA,
  );
  const css = rectangles.map((rectangle, index) => `#tile-${index}{${placeOf(rectangle)}}`).join('\n');
  const items = tiles.map(
    ({ kind, label, title, target, size }, index) =>
      html`<li id="tile-${index}" class="${kind}">
        <a href="#${target}" title="${title}" aria-label="${title}"
          ><span>${label}</span> <small>${formatBytes(size)}</small></a
        >
      </li> `,
  );
  return {
    content: html`<ol class="treemap" aria-label="Size of every part, the largest first">
      ${items}
    </ol>`,
    css,
  };
}

function tilesOf(parts: readonly ReportPart[], total: number): readonly Tile[] {
  const share = (size: number): string => `${((100 * size) / total).toFixed(1)} %`;
  const filled = parts.filter(({ size }) => size > 0);
  const large = filled.filter(({ size }) => size >= SMALLEST * total);
  const small = filled.filter(({ size }) => size < SMALLEST * total);
  const rest = small.reduce((sum, { size }) => sum + size, 0);
  const tiles: Tile[] = large.map(({ kind, name, version, id, size }) => ({
    kind,
    label: kind === 'bundle' ? 'the bundle itself' : name,
    title: `${kind === 'bundle' ? 'the bundle itself' : name} ${version}, ${formatBytes(size)}, ${share(size)}`,
    target: id,
    size,
  }));
  if (small.length > 0) {
    const label = `${small.length} smaller parts`;
    tiles.push({
      kind: 'rest',
      label,
      title: `${label}, ${formatBytes(rest)}, ${share(rest)}`,
      target: 'parts',
      size: rest,
    });
  }
  return tiles.toSorted((a, b) => b.size - a.size);
}

function placeOf({ x, y, width, height }: Rectangle): string {
  const percent = (value: number, of: number): string => `${((100 * value) / of).toFixed(4)}%`;
  return [
    `left:${percent(x, AREA.width)}`,
    `top:${percent(y, AREA.height)}`,
    `width:${percent(width, AREA.width)}`,
    `height:${percent(height, AREA.height)}`,
  ].join(';');
}
