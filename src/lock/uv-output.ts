import { parse } from 'toml';
import { z } from 'zod';
import { isSha256, type Sha256 } from '../domain/digest.ts';
import { normalizeDistribution } from '../domain/distribution.ts';

/** A distribution that uv chose, and the chosen distributions that require it. */
export interface Pin {
  readonly name: string;
  readonly version: string;
  readonly requiredBy: readonly string[];
}

/**
 * Parses the requirements file that `uv pip compile --annotation-style split --no-header` writes: each pin is followed
 * by `# via`, with one requirer on the same line or several on their own; names of files are not requirers.
 */
export function parsePins(text: string): Pin[] {
  const pins: { name: string; version: string; requiredBy: string[] }[] = [];
  for (const line of text.split('\n')) {
    const [, name, version] = /^([A-Za-z0-9._-]+)==([^\s;]+)/.exec(line) ?? [];
    if (name !== undefined && version !== undefined) {
      pins.push({ name: normalizeDistribution(name), version, requiredBy: [] });
      continue;
    }
    const [, requirer] = /^\s+#\s+(?:via\s+)?([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?$/.exec(line) ?? [];
    if (requirer !== undefined && requirer !== 'via')
      pins.at(-1)?.requiredBy.push(normalizeDistribution(requirer));
  }
  return pins;
}

/** A file that the index lists for a distribution. */
export interface IndexFile {
  readonly file: string;
  readonly sha256: Sha256;
  /** Upload time, if the index gives it. */
  readonly uploaded?: Date;
}

const indexFile = z
  .object({
    name: z.string().optional(),
    url: z.string().optional(),
    'upload-time': z.date().optional(),
    hashes: z.object({ sha256: z.string().refine(isSha256) }),
  })
  .transform(({ name, url, hashes, 'upload-time': uploaded }): IndexFile => ({
    file: name ?? fileOfUrl(url ?? ''),
    sha256: hashes.sha256,
    ...(uploaded === undefined ? {} : { uploaded }),
  }));

const pylock = z.object({
  packages: z.array(z.object({ name: z.string(), wheels: z.array(indexFile).default([]) })).default([]),
});

/** The wheels by distribution of a `pylock.toml` (PEP 751); uv may leave out those of other platforms. */
export function parsePylockWheels(text: string): ReadonlyMap<string, readonly IndexFile[]> {
  const { packages } = pylock.parse(parse(text));
  return new Map(packages.map(({ name, wheels }) => [normalizeDistribution(name), wheels]));
}

function fileOfUrl(url: string): string {
  const [path = ''] = url.split(/[?#]/);
  return decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
}
