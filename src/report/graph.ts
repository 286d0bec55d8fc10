import type { Part } from '../domain/manifest.ts';
import type { ReportPart } from './facts.ts';
import { html, NOTHING, type Html } from './html.ts';

const COLUMN = 190;
const BOX = { width: 140, height: 30 };
/** Height of a row with a box, and with only a line. */
const ROW = { box: 44, lane: 14 };
const MARGIN = 8;
/** Length of an arrow's tip. */
const TIP = 7;

/** A box, or the point where a line crosses a layer: lines pass beside boxes, never behind them. */
interface Spot {
  readonly part: ReportPart | undefined;
  readonly x: number;
  /** Of its middle. */
  readonly y: number;
}

/** Keys of spots from a component through layers to its requirement. */
type Chain = readonly string[];

/** Requirements between components as a layered drawing, dependents to the left of dependencies. */
export function renderGraph(parts: readonly ReportPart[]): Html {
  const components = parts.filter(({ kind }) => kind === 'component');
  const layers = layersOf(components);
  const chains = chainsOf(components, layers);
  const spots = placeSpots(components, layers, chains);
  const boxes = [...spots.values()].filter(({ part }) => part !== undefined);
  const width = Math.max(0, ...boxes.map(({ x }) => x)) + BOX.width + MARGIN;
  const height = Math.max(0, ...[...spots.values()].map(({ y }) => y)) + BOX.height / 2 + MARGIN;
  const lines = chains.map((chain) => renderLine(chain.flatMap((key) => spots.get(key) ?? [])));
  return html`<div class="scroll" role="region" aria-label="Components and what they need" tabindex="0">
    <svg
      class="graph"
      width="${width}"
      height="${height}"
      viewBox="0 0 ${width} ${height}"
      role="group"
      aria-label="Components and what they need"
    >
      <defs>
        <marker id="tip" viewBox="0 0 8 8" refX="0" refY="4" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M0 0L8 4L0 8z" />
        </marker>
      </defs>
      ${lines}${boxes.map(renderBox)}
    </svg>
  </div>`;
}

/** The spots of each requirement's line. */
function chainsOf(components: readonly ReportPart[], layers: ReadonlyMap<Part, number>): readonly Chain[] {
  return components.flatMap(({ part, requires }) =>
    requires.flatMap((required): Chain[] => {
      const [from, to] = [layers.get(part), layers.get(required)];
      if (from === undefined || to === undefined) return [];
      const between = Array.from({ length: Math.max(0, to - from - 1) }, (_, index) => from + 1 + index);
      return [[part, ...between.map((layer) => `${part} ${required} ${layer}`), required]];
    }),
  );
}

/** Ordered in each layer by their predecessors, so that fewer lines cross. */
function placeSpots(
  components: readonly ReportPart[],
  layers: ReadonlyMap<Part, number>,
  chains: readonly Chain[],
): ReadonlyMap<string, Spot> {
  const spots = new Map<string, Spot>();
  const before = new Map<string, string[]>();
  for (const chain of chains) {
    for (const [index, key] of chain.entries()) {
      const previous = chain[index - 1];
      if (previous !== undefined) before.set(key, [...(before.get(key) ?? []), previous]);
    }
  }
  const weigh = (key: string): number => {
    const rows = (before.get(key) ?? []).flatMap((previous) => spots.get(previous)?.y ?? []);
    return rows.length === 0 ? 0 : rows.reduce((sum, y) => sum + y, 0) / rows.length;
  };
  const depth = Math.max(-1, ...layers.values());
  for (let layer = 0; layer <= depth; layer += 1) {
    const boxes = components.filter(({ part }) => layers.get(part) === layer);
    const lanes = chains.flatMap(([first, ...rest]) => {
      const start = layers.get(first as Part) ?? 0;
      const key = rest.slice(0, -1)[layer - start - 1];
      return key === undefined ? [] : [key];
    });
    const members = [
      ...boxes.map((part) => ({ key: part.part as string, part, row: ROW.box })),
      ...lanes.map((key) => ({ key, part: undefined, row: ROW.lane })),
    ]
      .map((member) => ({ ...member, weight: weigh(member.key) }))
      .sort((a, b) => a.weight - b.weight || (a.key < b.key ? -1 : 1));
    let top = MARGIN;
    for (const { key, part, row } of members) {
      const y = top + (part === undefined ? row : BOX.height) / 2;
      spots.set(key, { part, x: MARGIN + layer * COLUMN, y });
      top += row;
    }
  }
  return spots;
}

/** Length of the longest chain to each component. */
function layersOf(components: readonly ReportPart[]): ReadonlyMap<Part, number> {
  const layers = new Map<Part, number>(components.map(({ part }) => [part, 0]));
  // Ends even for a cycle, which no build allows, after one round per component.
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

/** From the right of the first box to the left of the last, horizontal in layers between. */
function renderLine(spots: readonly Spot[]): Html {
  const [first, ...rest] = spots;
  if (first === undefined) return NOTHING;
  let path = `M${first.x + BOX.width} ${first.y}`;
  let [x, y] = [first.x + BOX.width, first.y];
  for (const spot of rest) {
    const end = spot.part === undefined ? spot.x : spot.x - TIP;
    const bend = (end - x) / 2;
    path += `C${x + bend} ${y} ${end - bend} ${spot.y} ${end} ${spot.y}`;
    [x, y] = [end, spot.y];
    if (spot.part === undefined) {
      x = spot.x + BOX.width;
      path += `H${x}`;
    }
  }
  return html`<path d="${path}" marker-end="url(#tip)" /> `;
}

function renderBox({ part, x, y }: Spot): Html {
  if (part === undefined) return NOTHING;
  const { id, name, version, linkedIn } = part;
  const title = `${name} ${version}${linkedIn ? ', built into what needs it' : ''}`;
  return html`<a href="#${id}" aria-label="${title}"
    ><title>${title}</title
    ><rect
      class="${linkedIn ? 'linked' : 'shipped'}"
      x="${x}"
      y="${y - BOX.height / 2}"
      width="${BOX.width}"
      height="${BOX.height}"
      rx="4"
    /><text x="${x + 10}" y="${y + 5}">${name.length > 16 ? `${name.slice(0, 15)}…` : name}</text></a
  > `;
}
