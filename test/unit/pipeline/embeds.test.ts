import { describe, expect, it } from 'vitest';
import type { Lockfile } from '../../../src/domain/lock.ts';
import type { Part } from '../../../src/domain/manifest.ts';
import { declaredEmbeds, linkedEmbeds, mergeEmbeds, publishedEmbeds } from '../../../src/pipeline/embeds.ts';
import { temporaryDirectory, writeTree } from '../../support/archives.ts';
import { factsOf } from '../../support/errors.ts';
import { makeBundle, makeComponent } from '../../support/releases.ts';

const lockfile = { wheels: [{ name: 'cffi', version: '2.1.1' }] } as unknown as Lockfile;
const DECLARED = { packages: ['pkg:generic/libffi@3.4.6'], license: 'MIT', reason: 'Its workflow' } as const;
const cffi = (carrierVersion: string, carrier = 'cffi') => ({ carrier, carrierVersion, ...DECLARED });

describe('a declaration of a recipe', () => {
  it('applies to the wheel in the stated version, or to the component, with the names of advisories', () => {
    const components = [
      makeComponent('cpython', {
        embeds: [
          { packages: ['pkg:generic/own@1', 'pkg:cargo/openssl@0.10.81'], license: 'MIT', reason: 'Seen' },
        ],
      }),
    ];
    const bundle = makeBundle({ embeds: [cffi('2.0.0'), cffi('2.1.1')] });
    expect(declaredEmbeds({ bundle, components, lockfile })).toEqual([
      {
        carrier: 'wheel:cffi',
        name: 'libffi',
        version: '3.4.6',
        purl: 'pkg:generic/libffi@3.4.6',
        license: 'MIT',
        cpe: 'cpe:2.3:a:libffi_project:libffi',
        repository: { url: 'https://github.com/libffi/libffi', tag: 'v3.4.6' },
        source: 'recipe',
        reason: 'Its workflow',
      },
      expect.objectContaining({ carrier: 'component:cpython', name: 'own', source: 'recipe' }),
      // The crate with this name is not the library.
      expect.not.objectContaining({ cpe: expect.anything() as unknown }),
    ]);
  });

  it.each([
    [cffi('2.0.0'), 'the bundle has cffi 2.1.1, but the recipe declares the contents of 2.0.0'],
    [cffi('2.1.1', 'cfi'), 'the bundle has no wheel of "cfi"'],
  ])('is a mistake if the wheel is another: %j', async (embed, message) => {
    const bundle = makeBundle({ embeds: [embed] });
    const facts = await factsOf(
      Promise.resolve().then(() => declaredEmbeds({ bundle, components: [], lockfile })),
    );
    expect(facts).toMatchObject({
      code: 'KSB_EMBEDS_UNKNOWN',
      exitCode: 2,
      problems: [{ message: `[[embeds]]: ${message}` }],
    });
  });
});

it('bills in wheels are read from the release', async () => {
  const bill = {
    bomFormat: 'CycloneDX',
    components: [{ name: 'openssl', version: '4.0.3', purl: 'pkg:generic/openssl@4.0.3' }],
  };
  const file = 'lib/site-packages/cryptography-50.0.2.dist-info/sboms/sbom.json';
  const other = 'lib/site-packages/cryptography-50.0.2.dist-info/sboms/README';
  const directory = await writeTree(await temporaryDirectory(), {
    [file]: JSON.stringify(bill),
    [other]: 'no bill',
  });
  const parts = new Map<string, Part>([
    [file, 'wheel:cryptography'],
    [other, 'wheel:cryptography'],
    ['bin/x', 'component:x'],
  ]);
  expect(await publishedEmbeds(directory, parts)).toMatchObject([
    {
      carrier: 'wheel:cryptography',
      name: 'openssl',
      version: '4.0.3',
      cpe: 'cpe:2.3:a:openssl:openssl',
      repository: { tag: 'openssl-4.0.3' },
      source: 'bill',
    },
  ]);
});

it('a linked component is nested in its carrier, once, after declared parts', () => {
  const zlib = {
    ...makeComponent('zlib', { version: '1.3.2' }),
    purl: 'pkg:generic/zlib@1.3.2',
    requires: [],
    sources: [],
    recipe: makeComponent('zlib').origin.sha256,
  };
  const library = {
    registry: 'generic',
    name: 'zlib',
    versions: ['1.3.2'],
    component: 'component:zlib',
  } as const;
  const parts = new Map<string, Part>([
    ['modules/a.so', 'component:httpd'],
    ['modules/b.so', 'component:httpd'],
    ['modules/c.so', 'component:httpd'],
  ]);
  const linked = linkedEmbeds(
    [
      { path: 'modules/a.so', billed: 'linked', ...library },
      { path: 'modules/b.so', billed: 'linked', ...library },
      { path: 'modules/c.so', billed: 'shared', ...library },
    ],
    parts,
    [zlib],
  );
  expect(mergeEmbeds(linked)).toEqual([
    {
      carrier: 'component:httpd',
      name: 'zlib',
      version: '1.3.2',
      purl: 'pkg:generic/zlib@1.3.2',
      license: 'MIT',
      source: 'build',
    },
  ]);
  const declared = linked.map((each) => ({ ...each, source: 'recipe' as const }));
  expect(mergeEmbeds([...declared, ...linked])).toMatchObject([{ source: 'recipe' }]);
});
