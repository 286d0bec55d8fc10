import { describe, expect, it } from 'vitest';
import { billingOf, embeddedPart, isEmbedded, type Bill } from '../../../src/domain/bill.ts';
import type { FoundLibrary } from '../../../src/domain/libraries/found-library.ts';
import type { Embedded } from '../../../src/domain/manifest.ts';
import { parsePurl } from '../../../src/domain/purl.ts';

function embed(carrier: Embedded['carrier'], purl: string): Embedded {
  const { name = '', version = '' } = parsePurl(purl) ?? {};
  return { carrier, name, version, purl, source: 'recipe' };
}

const BILL: Bill = {
  parts: new Map(),
  components: [
    { name: 'httpd', version: '2.4.68', requires: ['component:apr'] },
    { name: 'apr', version: '1.7.6', requires: ['component:zlib', 'wheel:app'] },
    { name: 'zlib', version: '1.3.2', requires: ['component:apr'] },
    { name: 'sqlite', version: '3.53.4', requires: [] },
  ],
  embeds: [
    embed('wheel:app', 'pkg:generic/openssl@4.0.3'),
    embed('wheel:app', 'pkg:cargo/asn1@0.24.1'),
    embed('wheel:app', 'pkg:rpm/almalinux/xz-libs@5.2.5'),
    embed('wheel:app', 'pkg:golang/golang.org/x/net@v0.17.0'),
    embed('component:zlib', 'pkg:generic/libffi@3.4.6'),
  ],
};

function library(name: string, versions: readonly string[], registry: FoundLibrary['registry'] = 'generic') {
  return { registry, name, versions };
}

describe('a library in a file', () => {
  it.each([
    ['is the component itself', 'component:zlib', library('zlib', ['1.3.2']), { kind: 'itself' }],
    [
      'is a component that was built in, over others too',
      'component:httpd',
      library('zlib', ['1.3.2']),
      { kind: 'component', component: 'component:zlib' },
    ],
    [
      'is no component that has nothing to do with it',
      'component:httpd',
      library('sqlite', ['3.53.4']),
      { kind: 'missing', others: [] },
    ],
    [
      'is not one that a wheel cannot have',
      'wheel:app',
      library('zlib', ['1.3.2']),
      { kind: 'missing', others: [] },
    ],
    [
      'is not the component in another version',
      'component:httpd',
      library('zlib', ['1.2.11']),
      { kind: 'missing', others: ['1.3.2'] },
    ],
    ['is embedded', 'wheel:app', library('openssl', ['4.0.3']), { kind: 'embedded' }],
    ['is embedded under another name', 'wheel:app', library('xz', ['5.2.5']), { kind: 'embedded' }],
    [
      'is embedded in another version',
      'wheel:app',
      library('openssl', ['3.3.2']),
      { kind: 'missing', others: ['4.0.3'] },
    ],
    [
      'may have one of several versions',
      'wheel:app',
      library('xz', ['5.2.4', '5.2.5']),
      { kind: 'embedded' },
    ],
    ['may tell no version', 'component:zlib', library('libffi', []), { kind: 'embedded' }],
    ['is embedded elsewhere', 'wheel:other', library('openssl', ['4.0.3']), { kind: 'missing', others: [] }],
    [
      'is in a file that nobody knows',
      undefined,
      library('openssl', ['4.0.3']),
      { kind: 'missing', others: [] },
    ],
    ['is a crate', 'wheel:app', library('asn1', ['0.24.1'], 'cargo'), { kind: 'embedded' }],
    [
      'is not the crate of its name',
      'wheel:app',
      library('openssl', ['4.0.3'], 'cargo'),
      { kind: 'missing', others: [] },
    ],
    ['is a module', 'wheel:app', library('golang.org/x/net', ['v0.17.0'], 'golang'), { kind: 'embedded' }],
  ] as const)('%s', (...[, part, found, expected]) => {
    expect(billingOf(BILL, part, found)).toEqual(expected);
  });

  it('has a name in reports that shows where it is', () => {
    const parts = BILL.embeds.map(embeddedPart);
    expect(parts).toEqual([
      'wheel:app/openssl',
      'wheel:app/cargo:asn1',
      'wheel:app/xz',
      'wheel:app/golang:golang.org/x/net',
      'component:zlib/libffi',
    ]);
    expect(parts.every(isEmbedded)).toBe(true);
    expect(isEmbedded('wheel:app')).toBe(false);
  });
});

it('a package URL is parsed with its qualifiers, and refused without a version', () => {
  expect(parsePurl('pkg:cargo/asn1@0.24.1?download_url=file://.#src/lib.rs')).toEqual({
    type: 'cargo',
    name: 'asn1',
    version: '0.24.1',
  });
  expect(parsePurl('pkg:generic/a%2Bb@1%2Blocal')).toEqual({
    type: 'generic',
    name: 'a+b',
    version: '1+local',
  });
  for (const text of ['pkg:generic/openssl', 'openssl@3', 'pkg:/a@1', 'pkg:generic/a@%zz'])
    expect(parsePurl(text)).toBeUndefined();
});
