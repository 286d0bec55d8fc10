import type { Part } from '../domain/manifest.ts';
import type { ReportPart } from './facts.ts';
import { html, type Html } from './html.ts';

const COLUMN = 190;
const ROW = 44;
const BOX = { width: 140, height: 30 };
const MARGIN = 8;

interface Node {
  readonly part: ReportPart;
  readonly x: number;
  readonly y: number;
}

/** What components need of each other, as a drawing in layers: from left to right, who needs before who is needed. */
export function renderGraph(parts: readonly ReportPart[]): Html {
  const components = parts.filter(({ kind }) => kind === 'component');
  const nodes = placeNodes(components);
  const byPart = new Map(nodes.map((node) => [node.part.part, node]));
  const edges = nodes.flatMap((from) =>
    from.part.requires.flatMap((part) => {
      const to = byPart.get(part);
      return to === undefined ? [] : [renderEdge(from, to)];
    }),
  );
  const width = Math.max(0, ...nodes.map(({ x }) => x)) + BOX.width + MARGIN;
  const height = Math.max(0, ...nodes.map(({ y }) => y)) + BOX.height + MARGIN;
  return html`<div class="scroll" role="region" aria-label="Components and what they need" tabindex="0">
    <svg
      class="graph"
      width="${width}"
      height="${height}"
      viewBox="0 0 ${width} ${height}"
      role="group"
      aria-label="Components and what they need"
    >
      ${edges}${nodes.map(renderNode)}
    </svg>
  </div>`;
}

/** In each layer in the order of what needs them, so that lines cross less. */
function placeNodes(components: readonly ReportPart[]): readonly Node[] {
  const layers = layersOf(components);
  const placed = new Map<Part, Node>();
  const depth = Math.max(-1, ...layers.values());
  for (let layer = 0; layer <= depth; layer += 1) {
    const requirersOf = (part: Part): number => {
      const rows = [...placed.values()].filter((node) => node.part.requires.includes(part)).map(({ y }) => y);
      return rows.length === 0 ? 0 : rows.reduce((sum, y) => sum + y, 0) / rows.length;
    };
    const members = components
      .filter(({ part }) => layers.get(part) === layer)
      .map((part) => ({ part, weight: requirersOf(part.part) }))
      .sort((a, b) => a.weight - b.weight || (a.part.name < b.part.name ? -1 : 1));
    for (const [row, { part }] of members.entries())
      placed.set(part.part, { part, x: MARGIN + layer * COLUMN, y: MARGIN + row * ROW });
  }
  return [...placed.values()];
}

/** For each component the length of the longest chain of components that leads to it. */
function layersOf(components: readonly ReportPart[]): ReadonlyMap<Part, number> {
  const layers = new Map<Part, number>(components.map(({ part }) => [part, 0]));
  // A cycle, which no build allows, ends after as many rounds as there are components.
  for (let round = 0; round < components.length; round += 1) {
    for (const { part, requires } of components) {
      for (const required of requires) {
        const layer = layers.get(required);
        if (layer !== undefined)
          layers.set(required, Math.min(Math.max(layer, (layers.get(part) ?? 0) + 1), components.length));
      }
    }
  }
  return layers;
}

function renderEdge(from: Node, to: Node): Html {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const bend = (x2 - x1) / 2;
  return html`<path d="M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}" /> `;
}

function renderNode({ part: { id, name, version, linkedIn }, x, y }: Node): Html {
  const title = `${name} ${version}${linkedIn ? ', built into what needs it' : ''}`;
  return html`<a href="#${id}" aria-label="${title}"
    ><title>${title}</title
    ><rect
      class="${linkedIn ? 'linked' : 'shipped'}"
      x="${x}"
      y="${y}"
      width="${BOX.width}"
      height="${BOX.height}"
      rx="4"
    /><text x="${x + 10}" y="${y + 20}">${name.length > 16 ? `${name.slice(0, 15)}…` : name}</text></a
  > `;
}
