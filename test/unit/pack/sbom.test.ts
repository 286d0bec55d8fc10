import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/domain/digest.ts';
import type { Manifest } from '../../../src/domain/manifest.ts';
import { readSbom } from '../../../src/pack/inspect.ts';
import { formatCycloneDx } from '../../../src/pack/sbom/cyclonedx.ts';
import { formatSpdx } from '../../../src/pack/sbom/spdx.ts';
import { BUNDLE, packDemo } from '../../support/packed-release.ts';

const digest = (letter: string) => sha256(letter.repeat(64));

/** A release with every kind of licence, link and origin that a bill of materials can describe. */
const MANIFEST: Manifest = {
  format: 1,
  ...BUNDLE,
  revision: 2,
  license: 'Apache-2.0',
  requires: ['component:cpython', 'wheel:app'],
  components: [
    {
      name: 'cpython',
      version: '3.13.15+local',
      license: 'Python-2.0.1',
      cpe: 'cpe:2.3:a:python:python',
      repository: { url: 'https://github.com/python/cpython', tag: 'v3.13.15' },
      purl: 'pkg:generic/cpython@3.13.15',
      requires: ['component:zlib'],
      sources: [{ file: 'p+q.tar.xz', sha256: digest('a') }],
      recipe: digest('b'),
    },
    {
      name: 'zlib',
      version: '1.3',
      license: 'Zlib OR LicenseRef-ours',
      purl: 'pkg:generic/zlib@1.3',
      requires: [],
      sources: [],
      recipe: digest('c'),
    },
  ],
  wheels: [
    {
      name: 'app',
      version: '2',
      license: 'BSD License',
      file: 'app-2-py3-none-any.whl',
      sha256: digest('d'),
      requires: ['wheel:lib'],
    },
    {
      name: 'lib',
      version: '3',
      license: 'MIT OR Apache-2.0',
      file: 'lib-3-py3-none-any.whl',
      sha256: digest('e'),
      requires: [],
    },
  ],
  embeds: [
    {
      carrier: 'component:cpython',
      name: 'zlib',
      version: '1.3',
      purl: 'pkg:generic/zlib@1.3',
      license: 'Zlib OR LicenseRef-ours',
      source: 'build',
    },
    {
      carrier: 'wheel:app',
      name: 'openssl',
      version: '4.0.3',
      purl: 'pkg:generic/openssl@4.0.3',
      license: 'Apache-2.0',
      cpe: 'cpe:2.3:a:openssl:openssl',
      repository: { url: 'https://github.com/openssl/openssl', tag: 'openssl-4.0.3' },
      source: 'recipe',
      reason: 'The version in the file',
    },
    {
      carrier: 'wheel:app',
      name: 'openssl',
      version: '0.10.81',
      purl: 'pkg:cargo/openssl@0.10.81',
      source: 'bill',
    },
  ],
  files: [
    { path: 'bin/python3', part: 'component:cpython', mode: '755', size: 1, sha256: digest('1') },
    { path: 'lib/app.py', part: 'wheel:app', mode: '644', size: 1, sha256: digest('2') },
    { path: 'lib/lib.dist-info/sboms/l.json', part: 'wheel:lib', mode: '644', size: 1, sha256: digest('3') },
    { path: 'licenses/zlib/LICENSE', part: 'component:zlib', mode: '644', size: 1, sha256: digest('4') },
  ],
};

interface Bill {
  readonly serialNumber: string;
  readonly components: readonly { readonly 'bom-ref': string; readonly [key: string]: unknown }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

describe('CycloneDX', () => {
  const text = formatCycloneDx(MANIFEST);
  const bill = JSON.parse(text) as Bill;
  const part = (ref: string) => bill.components.find((component) => component['bom-ref'] === ref);

  it('is accepted by the official schema of 1.6, which refuses an invalid one', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(text)).toBeNull();
    expect(await validator.validate(text.replace('"application"', '"nonsense"'))).not.toBeNull();
  });

  it('names every part by purl, CPE and digest', () => {
    expect(part('component:cpython')).toMatchObject({
      type: 'application',
      cpe: String.raw`cpe:2.3:a:python:python:3.13.15\+local:*:*:*:*:*:*:*`,
      licenses: [{ license: { id: 'Python-2.0.1' } }],
      externalReferences: [
        { type: 'source-distribution', hashes: [{ content: digest('a') }] },
        { type: 'vcs', url: 'https://github.com/python/cpython', comment: 'tag v3.13.15' },
      ],
    });
    expect(part('wheel:app')).toMatchObject({
      purl: 'pkg:pypi/app@2',
      hashes: [{ content: digest('d') }],
      licenses: [{ expression: 'LicenseRef-BSD-License' }],
    });
    expect(part('wheel:lib')).toMatchObject({
      licenses: [{ expression: 'MIT OR Apache-2.0' }],
      externalReferences: [{ type: 'distribution' }, { type: 'bom', url: 'lib/lib.dist-info/sboms/l.json' }],
    });
  });

  it('nests embedded parts, with their names and sources', () => {
    expect(part('component:cpython')).toMatchObject({
      components: [{ 'bom-ref': 'component:cpython/zlib@1.3', name: 'zlib', version: '1.3' }],
    });
    expect(part('wheel:app')).toMatchObject({
      components: [
        {
          'bom-ref': 'wheel:app/openssl@4.0.3',
          cpe: 'cpe:2.3:a:openssl:openssl:4.0.3:*:*:*:*:*:*:*',
          purl: 'pkg:generic/openssl@4.0.3',
          externalReferences: [{ type: 'vcs', comment: 'tag openssl-4.0.3' }],
          properties: [
            { name: 'ksbundle:linkage', value: 'static' },
            { name: 'ksbundle:source', value: 'a declaration in the recipe' },
            { name: 'ksbundle:reason', value: 'The version in the file' },
          ],
        },
        { 'bom-ref': 'wheel:app/cargo:openssl@0.10.81', purl: 'pkg:cargo/openssl@0.10.81' },
      ],
    });
    expect(part('wheel:lib')).not.toHaveProperty('components');
  });

  it('lists programs and libraries with path, SHA-256 and SHA-512, and who made the bill', () => {
    const files = MANIFEST.files.map((file) =>
      file.path === 'bin/python3' ? { ...file, sha512: '5'.repeat(128) } : file,
    );
    const support = { manufacturer: 'Example Ltd', contact: 'mailto:s@example.org', end: '2028-03-31' };
    const made = JSON.parse(formatCycloneDx({ ...MANIFEST, files, support })) as Bill & {
      readonly metadata: { readonly manufacturer: unknown; readonly component: unknown };
    };
    expect(made.components[0]?.['components']).toContainEqual({
      type: 'file',
      'bom-ref': 'file:bin/python3',
      name: 'python3',
      hashes: [
        { alg: 'SHA-256', content: digest('1') },
        { alg: 'SHA-512', content: '5'.repeat(128) },
      ],
      properties: [
        { name: 'bsi:component:filename', value: 'python3' },
        { name: 'bsi:component:executable', value: 'executable' },
        { name: 'bsi:component:archive', value: 'no archive' },
        { name: 'bsi:component:structured', value: 'structured' },
        { name: 'bsi:component:associatedLicences', value: 'Python-2.0.1' },
      ],
    });
    const manufacturer = { name: 'Example Ltd', contact: [{ email: 's@example.org' }] };
    expect(made.metadata.manufacturer).toEqual(manufacturer);
    expect(made.metadata.component).toMatchObject({
      manufacturer,
      externalReferences: [{ type: 'security-contact', url: 'mailto:s@example.org' }],
      properties: expect.arrayContaining([{ name: 'ksbundle:support-end', value: '2028-03-31' }]) as unknown,
    });
  });

  it('is accepted by the official schema with all of that, too', async () => {
    const support = {
      manufacturer: 'Example Ltd',
      contact: 'https://example.org/report',
      disclosurePolicy: 'https://example.org/policy',
    };
    const files = MANIFEST.files.map((file) =>
      'sha256' in file ? { ...file, sha512: '5'.repeat(128) } : file,
    );
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(formatCycloneDx({ ...MANIFEST, files, support }))).toBeNull();
  });

  it('shows linked parts and dependencies', () => {
    expect(part('component:zlib')).toMatchObject({
      properties: expect.arrayContaining([{ name: 'ksbundle:linkage', value: 'static' }]) as unknown,
    });
    expect(part('wheel:app')).not.toHaveProperty('properties');
    expect(Object.fromEntries(bill.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]))).toEqual({
      bundle: ['component:cpython', 'wheel:app'],
      'component:cpython': ['component:zlib'],
      'component:zlib': [],
      'wheel:app': ['wheel:lib'],
      'wheel:lib': [],
    });
  });

  it('repeats what recipes state about vulnerabilities, in its own terms', async () => {
    const reason = 'The reason';
    const made = formatCycloneDx({
      ...MANIFEST,
      vex: [
        { part: 'component:cpython', vulnerability: 'CVE-2026-1', status: 'fixed', reason },
        { part: 'wheel:lib', vulnerability: 'CVE-2026-2', status: 'under_investigation', reason },
        {
          part: 'wheel:app/openssl',
          vulnerability: 'CVE-2026-3',
          status: 'not_affected',
          justification: 'vulnerable_code_not_in_execute_path',
          reason,
        },
        {
          part: 'wheel:app',
          vulnerability: 'CVE-2026-4',
          status: 'not_affected',
          justification: 'vulnerable_code_cannot_be_controlled_by_adversary',
          reason,
        },
      ],
    });
    const about = (id: string, ref: string, analysis: object): object => ({
      id,
      analysis: { ...analysis, detail: reason },
      affects: [{ ref }],
    });
    expect((JSON.parse(made) as { readonly vulnerabilities: unknown }).vulnerabilities).toEqual([
      about('CVE-2026-1', 'component:cpython', { state: 'resolved' }),
      about('CVE-2026-2', 'wheel:lib', { state: 'in_triage' }),
      about('CVE-2026-3', 'wheel:app/openssl@4.0.3', {
        state: 'not_affected',
        justification: 'code_not_reachable',
      }),
      about('CVE-2026-4', 'wheel:app', { state: 'not_affected' }),
    ]);
    expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(made)).toBeNull();
    expect(bill).not.toHaveProperty('vulnerabilities');
  });

  it('has a serial number that changes only with the release', () => {
    expect(bill.serialNumber).toMatch(
      /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
    );
    expect(formatCycloneDx(structuredClone(MANIFEST))).toBe(text);
    const other = JSON.parse(formatCycloneDx({ ...MANIFEST, files: MANIFEST.files.slice(1) })) as Bill;
    expect(other.serialNumber).not.toBe(bill.serialNumber);
  });

  it('ships, and is reproduced from the manifest byte for byte', async () => {
    const { packed, release } = await packDemo();
    const shipped = await readFile(path.join(release, 'sbom.cdx.json'), 'utf8');
    expect(await readSbom(packed.tarball, 'cyclonedx')).toBe(shipped);
  });
});

describe('SPDX', () => {
  const document = JSON.parse(formatSpdx(MANIFEST)) as {
    readonly packages: readonly { readonly name: string; readonly licenseDeclared: string }[];
    readonly relationships: readonly Record<string, string>[];
    readonly hasExtractedLicensingInfos: readonly { readonly licenseId: string }[];
  };

  it('contains every part and its kind of linking', () => {
    expect(document.packages.map(({ name }) => name)).toEqual([
      'demo',
      'cpython',
      'zlib',
      'app',
      'lib',
      'zlib',
      'openssl',
      'openssl',
      'zig',
    ]);
    const [bundle, cpython, zlib] = ['bundle', 'component-cpython', 'component-zlib'].map(
      (id) => `SPDXRef-${id}`,
    );
    expect(document.relationships).toEqual(
      expect.arrayContaining([
        { spdxElementId: bundle, relationshipType: 'CONTAINS', relatedSpdxElement: zlib },
        { spdxElementId: bundle, relationshipType: 'DEPENDS_ON', relatedSpdxElement: cpython },
        { spdxElementId: cpython, relationshipType: 'STATIC_LINK', relatedSpdxElement: zlib },
        {
          spdxElementId: 'SPDXRef-wheel-app',
          relationshipType: 'CONTAINS',
          relatedSpdxElement: 'SPDXRef-wheel-app-cargo-openssl-0.10.81',
        },
      ]),
    );
  });

  it('has only licences that SPDX lists or that it explains', () => {
    const declared = new Map(document.packages.map(({ name, licenseDeclared }) => [name, licenseDeclared]));
    expect(declared.get('app')).toBe('LicenseRef-BSD-License');
    expect(declared.get('zlib')).toBe('Zlib OR LicenseRef-ours');
    expect(document.hasExtractedLicensingInfos.map(({ licenseId }) => licenseId)).toEqual([
      'LicenseRef-BSD-License',
      'LicenseRef-ours',
    ]);
  });
});
