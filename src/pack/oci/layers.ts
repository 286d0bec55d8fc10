import type { Manifest, Part } from '../../domain/manifest.ts';

/** Files of a release that become one layer. */
export interface PlannedLayer {
  /** A part, or `components` or `wheels` for the small ones together. */
  readonly name: Part | 'components' | 'wheels';
  readonly files: readonly string[];
}

/** Bytes from which a part gets a layer of its own. */
const LARGE = 1 << 19;
/** Engines stop at 127 layers, those of the base included. */
const MOST_OWN_LAYERS = 80;

/**
 * Divides a release's files into layers so that an upgrade transfers few: a layer for each large part, one for all
 * small components, one for all small wheels, and finally the bundle's own files with manifest and checksums, which
 * always change.
 */
export function planLayers(manifest: Manifest): PlannedLayer[] {
  const sizes = new Map<Part, number>();
  for (const file of manifest.files)
    sizes.set(file.part, (sizes.get(file.part) ?? 0) + ('size' in file ? file.size : 0));
  const large = new Set(
    [...sizes]
      .filter(([part, size]) => size >= LARGE && part !== 'bundle')
      .sort(([, a], [, b]) => b - a)
      .slice(0, MOST_OWN_LAYERS)
      .map(([part]) => part),
  );
  const layerOf = (part: Part): PlannedLayer['name'] => {
    if (part === 'bundle' || large.has(part)) return part;
    return part.startsWith('component:') ? 'components' : 'wheels';
  };
  const layers = new Map<PlannedLayer['name'], string[]>();
  for (const { path, part } of manifest.files) {
    const name = layerOf(part);
    const files = layers.get(name) ?? [];
    files.push(path);
    layers.set(name, files);
  }
  const order = (name: string): string => `${name === 'bundle' ? 1 : 0}${name}`;
  return [...layers]
    .map(([name, files]) => ({ name, files }))
    .sort((a, b) => (order(a.name) < order(b.name) ? -1 : 1));
}
