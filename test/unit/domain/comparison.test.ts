import { describe, expect, it } from 'vitest';
import { compareReleases } from '../../../src/domain/comparison.ts';
import { sha256 } from '../../../src/domain/digest.ts';
import type { Embedded, Manifest } from '../../../src/domain/manifest.ts';
import { BUNDLE } from '../../support/packed-release.ts';

const A = sha256('a'.repeat(64));
const B = sha256('b'.repeat(64));

const BEFORE: Manifest = {
  format: 1,
  ...BUNDLE,
  requires: ['component:zlib', 'wheel:app'],
  components: [
    {
      name: 'zlib',
      version: '1.3.1',
      license: 'Zlib',
      purl: 'pkg:generic/zlib@1.3.1',
      requires: [],
      sources: [{ file: 'zlib.tar.gz', sha256: A }],
      recipe: A,
    },
  ],
  wheels: [{ name: 'app', version: '2', license: 'MIT', file: 'app.whl', sha256: A, requires: [] }],
  files: [
    { path: 'README', part: 'bundle', mode: '644', size: 10, sha256: A },
    { path: 'lib/app.py', part: 'wheel:app', mode: '644', size: 100, sha256: A },
    { path: 'lib/libz.so', part: 'component:zlib', target: 'libz.so.1' },
    { path: 'lib/libz.so.1', part: 'component:zlib', mode: '755', size: 1000, sha256: A },
  ],
};

/** The manifest, with these files instead of those with the same path. */
function withFiles(...changed: Manifest['files']): Manifest {
  const byPath = new Map(changed.map((file) => [file.path, file]));
  return { ...BEFORE, files: BEFORE.files.map((file) => byPath.get(file.path) ?? file) };
}

describe('two releases', () => {
  it('are the same if their manifests are', () => {
    expect(compareReleases(BEFORE, structuredClone(BEFORE))).toEqual({ parts: [], files: [] });
  });

  it.each([
    ['content', { path: 'lib/app.py', part: 'wheel:app', mode: '644', size: 100, sha256: B }, ['sha256']],
    ['mode', { path: 'lib/app.py', part: 'wheel:app', mode: '755', size: 100, sha256: A }, ['mode']],
    ['target', { path: 'lib/libz.so', part: 'component:zlib', target: 'libz.so.2' }, ['target']],
    [
      'kind',
      { path: 'lib/libz.so', part: 'component:zlib', mode: '644', size: 0, sha256: A },
      ['mode', 'sha256', 'size', 'target'],
    ],
  ] as const)('differ in the %s of a file, with equal versions', (_, file, changed) => {
    const { parts, files } = compareReleases(BEFORE, withFiles(file));
    expect(parts).toMatchObject([{ name: file.part.split(':')[1], changed: ['files'] }]);
    expect(parts[0]?.from).toBe(parts[0]?.to);
    expect(files.map((found) => ({ ...found, changed: found.changed.toSorted() }))).toEqual([
      { path: file.path, part: file.part, change: 'changed', changed },
    ]);
  });

  it('differ in a file that moved to another part, and so in both parts', () => {
    const { parts, files } = compareReleases(
      BEFORE,
      withFiles({ path: 'lib/app.py', part: 'component:zlib', mode: '644', size: 100, sha256: A }),
    );
    expect(parts.map(({ name, changed, growth }) => ({ name, changed, growth }))).toEqual([
      { name: 'zlib', changed: ['files'], growth: 100 },
      { name: 'app', changed: ['files'], growth: -100 },
    ]);
    expect(files).toMatchObject([{ path: 'lib/app.py', change: 'changed', changed: ['part'] }]);
  });

  it('differ in the version of a part, and in parts that one lacks', () => {
    const [zlib] = BEFORE.components;
    const [app] = BEFORE.wheels;
    if (zlib === undefined || app === undefined) throw new Error('nothing to compare');
    const after: Manifest = {
      ...BEFORE,
      revision: 2,
      components: [{ ...zlib, version: '1.3.2', purl: 'pkg:generic/zlib@1.3.2', recipe: B }],
      wheels: [{ ...app, name: 'other', version: '3' }],
      files: BEFORE.files.flatMap((file) => {
        if (file.path === 'lib/app.py') return [];
        return file.path === 'README' ? [file, { ...file, path: 'added' }] : [file];
      }),
    };
    expect(compareReleases(BEFORE, after)).toEqual({
      parts: [
        {
          kind: 'bundle',
          name: 'demo',
          from: '1.0-1',
          to: '1.0-2',
          changed: ['version', 'revision', 'files'],
          growth: 10,
        },
        {
          kind: 'component',
          name: 'zlib',
          from: '1.3.1',
          to: '1.3.2',
          changed: ['version', 'purl', 'recipe'],
          growth: 0,
        },
        { kind: 'wheel', name: 'other', to: '3', changed: [], growth: 0 },
        { kind: 'wheel', name: 'app', from: '2', changed: [], growth: -100 },
      ],
      files: [
        { path: 'added', part: 'bundle', change: 'added', changed: [] },
        { path: 'lib/app.py', part: 'wheel:app', change: 'removed', changed: [] },
      ],
    });
  });

  it('differ in embedded parts, of which there may be several versions', () => {
    const inside = (name: string, version: string, source: Embedded['source'] = 'bill'): Embedded => {
      const registry = name === 'asn1' ? 'cargo' : 'generic';
      return { carrier: 'wheel:app', name, version, purl: `pkg:${registry}/${name}@${version}`, source };
    };
    const crates = [inside('asn1', '1.0'), inside('asn1', '2.0')];
    const before = { ...BEFORE, embeds: [...crates, inside('openssl', '3.3.2'), inside('zlib', '1.3')] };
    const after = {
      ...BEFORE,
      embeds: [
        ...crates.slice(1),
        inside('libffi', '3.4.6'),
        inside('openssl', '4.0.3'),
        inside('zlib', '1.3', 'recipe'),
      ],
    };
    expect(compareReleases(before, structuredClone(before)).parts).toEqual([]);
    const embedded = { kind: 'embedded', changed: ['version', 'purl'], growth: 0 };
    expect(compareReleases(before, after).parts).toEqual([
      {
        ...embedded,
        name: 'app/cargo:asn1',
        from: '1.0, 2.0',
        to: '2.0',
        changed: expect.arrayContaining(['version']) as unknown,
      },
      { ...embedded, name: 'app/libffi', to: '3.4.6', changed: [] },
      { ...embedded, name: 'app/openssl', from: '3.3.2', to: '4.0.3' },
      { ...embedded, name: 'app/zlib', from: '1.3', to: '1.3', changed: ['source'] },
    ]);
    expect(compareReleases(after, BEFORE).parts).toContainEqual({
      ...embedded,
      name: 'app/openssl',
      from: '4.0.3',
      changed: [],
    });
  });

  it('differ in facts of the release as a whole', () => {
    const { parts } = compareReleases(BEFORE, { ...BEFORE, floor: '2.28', requires: ['wheel:app'] });
    expect(parts).toMatchObject([{ kind: 'bundle', name: 'demo', changed: ['floor', 'requires'] }]);
  });
});
