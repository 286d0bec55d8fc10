import { expect, it } from 'vitest';
import type { VexStatement } from '../../../src/domain/manifest.ts';
import { formatOpenVex } from '../../../src/pack/openvex.ts';
import { packDemo } from '../../support/packed-release.ts';

const STATEMENTS: readonly VexStatement[] = [
  {
    part: 'wheel:app',
    vulnerability: 'CVE-2026-1',
    status: 'not_affected',
    justification: 'vulnerable_code_not_in_execute_path',
    reason: 'Nothing calls it',
  },
  { part: 'component:cpython', vulnerability: 'CVE-2026-2', status: 'fixed', reason: 'A patch has it' },
  { part: 'wheel:app', vulnerability: 'GHSA-1', status: 'under_investigation', reason: 'Nobody looked' },
];

it('statements of recipes become OpenVEX, about parts of the release by their purls', async () => {
  const { packed } = await packDemo();
  const text = formatOpenVex({ ...packed.manifest, vex: STATEMENTS }) ?? '';
  const about = (purl: string): object[] => [
    { '@id': 'pkg:generic/demo@1.0-1', subcomponents: [{ '@id': purl }] },
  ];
  expect(JSON.parse(text)).toEqual({
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
    author: 'ksbundle',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    version: 1,
    statements: [
      {
        vulnerability: { name: 'CVE-2026-1' },
        products: about('pkg:pypi/app@2'),
        status: 'not_affected',
        justification: 'vulnerable_code_not_in_execute_path',
        impact_statement: 'Nothing calls it',
      },
      {
        vulnerability: { name: 'CVE-2026-2' },
        products: about('pkg:generic/cpython@3.13.15'),
        status: 'fixed',
        status_notes: 'A patch has it',
      },
      {
        vulnerability: { name: 'GHSA-1' },
        products: about('pkg:pypi/app@2'),
        status: 'under_investigation',
        status_notes: 'Nobody looked',
      },
    ],
  });
  expect(formatOpenVex({ ...packed.manifest, vex: STATEMENTS })).toBe(text);
});

it('a release without statements has no such document', async () => {
  const { packed } = await packDemo();
  expect(formatOpenVex(packed.manifest)).toBeUndefined();
});
