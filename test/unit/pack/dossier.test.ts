import { expect, it } from 'vitest';
import { formatDossier } from '../../../src/pack/dossier.ts';
import { identifyTarball, readManifestFromTarball } from '../../../src/pack/inspect.ts';
import { packDemo } from '../../support/packed-release.ts';

it('a dossier has the facts of the release, and lists missing ones', async () => {
  const { packed } = await packDemo();
  const manifest = await readManifestFromTarball(packed.tarball);
  const identity = await identifyTarball(packed.tarball);
  const empty = formatDossier(manifest, identity);
  for (const key of ['manufacturer', 'contact', 'disclosure-policy', 'purpose', 'end'])
    expect(empty).toContain(`**to be stated**: [support] ${key} of the bundle's recipe`);
  expect(empty).toContain(identity.tarball);
  expect(empty).toContain(identity.releaseId);
  expect(empty).toMatch(/sbom\.cdx\.json in the release, SHA-256 [0-9a-f]{64}: 2 parts/);
  expect(empty).toContain('The release makes no statement on published vulnerabilities.');

  const support = {
    manufacturer: 'Example | Ltd\n# not a heading',
    contact: 'mailto:security@example.org',
    disclosurePolicy: 'https://example.org/disclosure',
    purpose: 'Identity',
    end: '2028-03-31',
  };
  const reason = 'A patch has it';
  const vex = [{ part: 'wheel:app', vulnerability: 'CVE-2026-1', status: 'fixed', reason }] as const;
  const full = formatDossier({ ...manifest, support, vex }, identity);
  expect(full).not.toContain('[support]');
  expect(full).toContain(String.raw`| Manufacturer | Example \| Ltd # not a heading |`);
  expect(full).toContain('| Gets security fixes until | 2028-03-31 |');
  expect(full).toContain('| CVE-2026-1 in app | fixed: A patch has it |');
});
