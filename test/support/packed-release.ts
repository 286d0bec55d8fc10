import path from 'node:path';
import { sha256 } from '../../src/domain/digest.ts';
import type { Part } from '../../src/domain/manifest.ts';
import { packRelease, type PackedRelease, type PackReleaseOptions } from '../../src/pack/pack-release.ts';
import { temporaryDirectory, writeTree } from './archives.ts';

export const NAME = 'demo-1.0-1-linux-x86_64';
const DIGEST = sha256('a'.repeat(64));
/** The manifest's facts about the whole release. */
export const BUNDLE = {
  bundle: 'demo',
  version: '1.0',
  revision: 1,
  license: 'MIT',
  summary: 'a bundle for tests',
  platform: 'x86_64-linux-gnu.2.17',
  floor: '2.17',
  toolchain: { name: 'zig', version: '0.17.0', license: 'MIT' },
} as const;
export const FACTS = {
  ...BUNDLE,
  requires: ['component:cpython', 'wheel:app'],
  components: [
    {
      name: 'cpython',
      version: '3.13.15',
      license: 'Python-2.0.1',
      purl: 'pkg:generic/cpython@3.13.15',
      requires: [],
      sources: [{ file: 'p.tar.xz', sha256: DIGEST }],
      recipe: DIGEST,
    },
  ],
  wheels: [
    {
      name: 'app',
      version: '2',
      license: 'MIT',
      file: 'app-2-py3-none-any.whl',
      sha256: DIGEST,
      requires: [],
    },
  ],
} as const;
const PARTS: readonly (readonly [string, Part])[] = [
  ['bin/python3', 'component:cpython'],
  ['bin/python', 'component:cpython'],
  ['lib/app.py', 'wheel:app'],
  ['lib/a b é.txt', 'wheel:app'],
  ['README', 'bundle'],
];

async function makeRelease(directory: string): Promise<string> {
  return writeTree(path.join(directory, NAME), {
    'bin/python3': { program: '#!/bin/sh\n' },
    'bin/python': { link: 'python3' },
    'lib/app.py': 'print(1)\n',
    'lib/a b é.txt': 'text\n',
    README: 'read me\n',
  });
}

export interface PackedDemo {
  readonly directory: string;
  readonly release: string;
  readonly packed: PackedRelease;
  /** Options of packing. */
  readonly options: PackReleaseOptions;
}

/** Packs a small release in a temporary directory. */
export async function packDemo(
  prepare: (release: string) => Promise<unknown> = () => Promise.resolve(),
): Promise<PackedDemo> {
  const directory = await temporaryDirectory();
  const release = await makeRelease(directory);
  await prepare(release);
  const out = path.join(directory, 'out');
  const options = {
    directory: release,
    name: NAME,
    out,
    facts: FACTS,
    parts: new Map(PARTS),
    build: {
      bundle: 'demo',
      platform: FACTS.platform,
      materials: [{ name: 'p.tar.xz', uri: 'pkg:generic/cpython@3.13.15', sha256: DIGEST }],
      tools: { make: '4.3' },
    },
  };
  return { directory, release, options, packed: await packRelease(options) };
}
