import { nameOfPart, SBOM_FILE, type Manifest } from '../domain/manifest.ts';
import type { TarballIdentity } from './inspect.ts';
import { listParts, takeInventory } from './sbom/inventory.ts';

/*
 * The technical documentation that the EU Cyber Resilience Act requires: Regulation (EU) 2024/2847, OJ L, 2024/2847
 * of 20 November 2024, Annex VII. Its points 1 to 8 are the sections. ksbundle fills in the facts of the release, and
 * marks each statement that only the manufacturer can make.
 */

const OPEN = '**to be stated**';

/** The dossier of a release tarball as Markdown. It depends on the tarball alone. */
export function formatDossier(manifest: Manifest, identity: TarballIdentity): string {
  const { bundle, version, revision, summary, platform, license, support = {} } = manifest;
  const said = (value: string | undefined, key: string): string =>
    value === undefined ? `${OPEN}: [support] ${key} of the bundle's recipe` : value;
  const lines = [
    `# ${inline(bundle)} ${inline(version)}-${revision}: technical documentation`,
    '',
    'Made by `ksbundle inspect --cra` from the release itself, in the order of Annex VII of Regulation (EU) 2024/2847.',
    '',
    '## 1. The product',
    '',
    ...table([
      ['Name and version', `${bundle} ${version}, revision ${revision}`],
      ['What it is', summary],
      ['Intended purpose', said(support.purpose, 'purpose')],
      ['Runs on', platform],
      ['Licence', license],
      ['Manufacturer', said(support.manufacturer, 'manufacturer')],
      ['Tarball, SHA-256', identity.tarball],
      ['Tarball without a signature, SHA-256', identity.unsigned],
      ['Release id, SHA-256 of SHA256SUMS', identity.releaseId],
      ['Information and instructions for the user (Annex II)', 'README, docs/bootstrap.md, this document'],
    ]),
    '## 2. Design, development, production and handling of vulnerabilities',
    '',
    ...table([
      ['Design', 'docs/architecture.md, docs/security.md'],
      ['Reporting of vulnerabilities', said(support.contact, 'contact')],
      ['Policy of coordinated disclosure', said(support.disclosurePolicy, 'disclosure-policy')],
      ['Software bill of materials', describeBill(manifest)],
      ['Distribution of updates', 'a signed tarball, or a delta to it (docs/verification.md, docs/delta.md)'],
      [
        'Production',
        'from pinned sources, reproducible byte for byte: `ksbundle rebuild` (docs/verification.md)',
      ],
      ['Monitoring, and how production and monitoring are validated (point 2(c))', OPEN],
    ]),
    '## 3. Assessment of cybersecurity risks',
    '',
    `${OPEN}: docs/security.md describes the threat model, what is trusted and what is out of scope; the manufacturer assesses the risks of the intended use.`,
    '',
    '## 4. Support period',
    '',
    ...table([
      ['Gets security fixes until', said(support.end, 'end')],
      ['How the period was determined (Article 13(8))', OPEN],
    ]),
    '## 5. Standards applied',
    '',
    ...table([
      ['Bill of materials', 'CycloneDX 1.6 (in the release), SPDX 2.3; fields of BSI TR-03183-2'],
      ['Provenance', 'in-toto Statement v1 with SLSA provenance v1'],
      ['Statements of vulnerabilities', 'OpenVEX 0.2.0 (`ksbundle inspect --vex`)'],
      ['Harmonised standards', OPEN],
    ]),
    '## 6. Reports of tests',
    '',
    ...table([
      [
        'Audit of the release',
        '`ksbundle audit`: docs/audit.md lists the rules; the audit ran before the tarball was packed, and can be repeated',
      ],
      ['Every byte, mode and link', '`ksbundle verify`'],
      ['Known vulnerabilities', '`ksbundle audit --advisories`, with a current database'],
    ]),
    ...describeStatements(manifest),
    '## 7. EU declaration of conformity',
    '',
    OPEN,
    '',
    '## 8. Bill of materials on request',
    '',
    'Every release contains it: see 2.',
  ];
  return `${lines.join('\n')}\n`;
}

function describeBill(manifest: Manifest): string {
  const parts = listParts(takeInventory(manifest)).length;
  const file = manifest.files.find((each) => each.path === SBOM_FILE);
  const digest = file !== undefined && 'sha256' in file ? `, SHA-256 ${file.sha256}` : '';
  return `${SBOM_FILE} in the release${digest}: ${parts} parts, including those inside others`;
}

function describeStatements({ vex = [] }: Manifest): readonly string[] {
  if (vex.length === 0) return ['The release makes no statement on published vulnerabilities.', ''];
  const rows = vex.map(({ part, vulnerability, status, justification, reason }) => [
    `${vulnerability} in ${nameOfPart(part)}`,
    `${[status, justification].filter((word) => word !== undefined).join(', ')}: ${reason}`,
  ]);
  return ['Statements on published vulnerabilities:', '', ...table(rows)];
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  return ['| | |', '| --- | --- |', ...rows.map((row) => `| ${row.map(inline).join(' | ')} |`), ''];
}

/** Text for a cell of a table: without line breaks, `|` escaped. */
function inline(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').replaceAll('|', String.raw`\|`);
}
