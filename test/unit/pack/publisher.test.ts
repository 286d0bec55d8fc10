import { expect, it } from 'vitest';
import { readPublisherBill } from '../../../src/pack/sbom/publisher.ts';

it('a bill in CycloneDX yields its packages, also nested ones, without those of the build', () => {
  const bill = {
    bomFormat: 'CycloneDX',
    metadata: { component: { name: 'app', version: '1' } },
    components: [
      {
        name: 'openssl',
        version: '4.0.3',
        purl: 'pkg:generic/openssl@4.0.3?download_url=https://example.org/o.tar.gz',
        cpe: 'cpe:2.3:a:openssl:openssl:4.0.3:*:*:*:*:*:*:*',
        licenses: [{ license: { id: 'Apache-2.0' } }],
        components: [
          {
            name: 'inner',
            version: '2',
            licenses: [{ expression: 'MIT OR Zlib' }, { license: { name: 'Apache License 2.0' } }],
          },
        ],
      },
      { name: 'cc', version: '1.4.0', purl: 'pkg:cargo/cc@1.4.0', scope: 'excluded' },
      { name: 'without-version' },
    ],
  };
  expect(readPublisherBill(JSON.stringify(bill))).toEqual([
    {
      name: 'openssl',
      version: '4.0.3',
      purl: 'pkg:generic/openssl@4.0.3?download_url=https://example.org/o.tar.gz',
      cpe: 'cpe:2.3:a:openssl:openssl',
      license: 'Apache-2.0',
    },
    { name: 'inner', version: '2', purl: 'pkg:generic/inner@2', license: '(MIT OR Zlib) AND Apache-2.0' },
  ]);
});

it('a bill in SPDX yields its packages with a version', () => {
  const bill = {
    spdxVersion: 'SPDX-2.3',
    packages: [
      {
        name: 'xz-libs',
        versionInfo: '5.2.5',
        licenseConcluded: 'NOASSERTION',
        licenseDeclared: '0BSD',
        externalRefs: [
          {
            referenceCategory: 'PACKAGE-MANAGER',
            referenceType: 'purl',
            referenceLocator: 'pkg:rpm/almalinux/xz-libs@5.2.5',
          },
        ],
      },
      { name: 'unversioned' },
    ],
  };
  expect(readPublisherBill(JSON.stringify(bill))).toEqual([
    { name: 'xz-libs', version: '5.2.5', purl: 'pkg:rpm/almalinux/xz-libs@5.2.5', license: '0BSD' },
  ]);
});

it.each(['', '{}', '[1]', '<bom/>', '{"bomFormat":"CycloneDX","components":7}'])(
  '%j is not a bill',
  (text) => {
    expect(readPublisherBill(text)).toBeUndefined();
  },
);
