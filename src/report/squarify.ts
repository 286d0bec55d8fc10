/** A rectangle, in the units of the divided area. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Divides an area into rectangles with areas in proportion to the sizes, as square as possible: "Squarified Treemaps"
 * by Bruls, Huizing and van Wijk (2000). `sizes` are positive and descending; the rectangles have the same order.
 */
export function squarify(sizes: readonly number[], area: Rectangle): Rectangle[] {
  const total = sum(sizes);
  const scale = (area.width * area.height) / total;
  const rectangles: Rectangle[] = [];
  let free = area;
  for (let begin = 0; begin < sizes.length;) {
    const side = Math.min(free.width, free.height);
    let end = begin + 1;
    let row = [(sizes[begin] ?? 0) * scale];
    for (; end < sizes.length; end += 1) {
      const longer = [...row, (sizes[end] ?? 0) * scale];
      if (worstRatio(longer, side) > worstRatio(row, side)) break;
      row = longer;
    }
    rectangles.push(...layRow(row, free));
    free = withoutRow(row, free);
    begin = end;
  }
  return rectangles;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** The worst aspect ratio in a row along `side`. */
function worstRatio(row: readonly number[], side: number): number {
  const thickness = sum(row) / side;
  return Math.max(...row.map((size) => Math.max(thickness ** 2 / size, size / thickness ** 2)));
}

/** Places a row along the shorter side of the free area. */
function layRow(row: readonly number[], { x, y, width, height }: Rectangle): Rectangle[] {
  const upright = width >= height;
  const thickness = sum(row) / Math.min(width, height);
  let along = 0;
  return row.map((size) => {
    const length = size / thickness;
    const begin = along;
    along += length;
    return upright
      ? { x, y: y + begin, width: thickness, height: length }
      : { x: x + begin, y, width: length, height: thickness };
  });
}

function withoutRow(row: readonly number[], { x, y, width, height }: Rectangle): Rectangle {
  const thickness = sum(row) / Math.min(width, height);
  return width >= height
    ? { x: x + thickness, y, width: Math.max(0, width - thickness), height }
    : { x, y: y + thickness, width, height: Math.max(0, height - thickness) };
}
