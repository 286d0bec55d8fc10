import { SOURCE_DATE_EPOCH } from '../../domain/layout.ts';
import type { Manifest, Part } from '../../domain/manifest.ts';
import { takeInventory, uuidOf, type EmbeddedItem, type Item } from './inventory.ts';

const DOCUMENT = 'SPDXRef-DOCUMENT';
const NOBODY_SAID = 'NOASSERTION';

interface Relationship {
  readonly spdxElementId: string;
  readonly relationshipType: 'DESCRIBES' | 'CONTAINS' | 'DEPENDS_ON' | 'STATIC_LINK' | 'BUILD_TOOL_OF';
  readonly relatedSpdxElement: string;
}

/** The bill of materials of a release as SPDX 2.3 JSON; it depends only on the release. */
export function formatSpdx(manifest: Manifest): string {
  const { items, digest } = takeInventory(manifest);
  const { bundle, version, revision, license, summary, toolchain, support } = manifest;
  const name = `${bundle}-${version}-${revision}`;
  const embedded = items.flatMap((item) => item.embedded.map((each) => ({ within: item.part, ...each })));
  const own = ownLicenses(
    [manifest, toolchain, ...items, ...embedded].flatMap((licensed) => licensed.license ?? []),
  );
  const root = refOf('bundle');
  const compiler = `SPDXRef-toolchain-${idOf(toolchain.name)}`;
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: DOCUMENT,
    name,
    documentNamespace: uuidOf(digest),
    creationInfo: {
      created: new Date(SOURCE_DATE_EPOCH * 1000).toISOString().replace('.000', ''),
      creators: [
        'Tool: ksbundle',
        ...(support?.manufacturer === undefined ? [] : [`Organization: ${support.manufacturer}`]),
      ],
    },
    ...(own.length === 0 ? {} : { hasExtractedLicensingInfos: own }),
    packages: [
      packageOf(
        { ref: root, name: bundle, version: `${version}-${revision}`, license },
        {
          summary,
          primaryPackagePurpose: 'APPLICATION',
        },
      ),
      ...items.map(itemPackage),
      ...embedded.map(embeddedPackage),
      packageOf({ ref: compiler, ...toolchain }, {}),
    ],
    relationships: [
      { spdxElementId: DOCUMENT, relationshipType: 'DESCRIBES', relatedSpdxElement: root },
      ...items.map(({ part }): Relationship => ({
        spdxElementId: root,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: refOf(part),
      })),
      ...embedded.map(({ within, ref }): Relationship => ({
        spdxElementId: refOf(within),
        relationshipType: 'CONTAINS',
        relatedSpdxElement: refOf(ref),
      })),
      ...dependencies(root, manifest.requires, items),
      ...items.flatMap(({ part, requires }) => dependencies(refOf(part), requires, items)),
      { spdxElementId: compiler, relationshipType: 'BUILD_TOOL_OF', relatedSpdxElement: root },
    ] satisfies Relationship[],
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

interface Package {
  readonly ref: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

function packageOf({ ref, name, version, license }: Package, more: object): object {
  return {
    SPDXID: ref,
    name,
    versionInfo: version,
    downloadLocation: NOBODY_SAID,
    filesAnalyzed: false,
    licenseConcluded: NOBODY_SAID,
    licenseDeclared: license,
    copyrightText: NOBODY_SAID,
    ...more,
  };
}

function itemPackage({ part, name, version, license, kind, purl, cpe, archives }: Item): object {
  const [archive] = archives;
  return packageOf(
    { ref: refOf(part), name, version, license },
    {
      ...(archive === undefined
        ? {}
        : {
            packageFileName: archive.file,
            checksums: [{ algorithm: 'SHA256', checksumValue: archive.sha256 }],
          }),
      externalRefs: externalRefs(purl, cpe),
      primaryPackagePurpose: kind === 'program' ? 'APPLICATION' : 'LIBRARY',
    },
  );
}

function embeddedPackage({ ref, name, version, license = NOBODY_SAID, purl, cpe }: EmbeddedItem): object {
  return packageOf(
    { ref: refOf(ref), name, version, license },
    { externalRefs: externalRefs(purl, cpe), primaryPackagePurpose: 'LIBRARY' },
  );
}

function externalRefs(purl: string, cpe: string | undefined): readonly object[] {
  return [
    { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl },
    ...(cpe === undefined
      ? []
      : [{ referenceCategory: 'SECURITY', referenceType: 'cpe23Type', referenceLocator: cpe }]),
  ];
}

function dependencies(from: string, requires: readonly Part[], items: readonly Item[]): Relationship[] {
  const linkedIn = new Set(items.filter((item) => item.linkedIn).map(({ part }) => part));
  return requires.map((part) => ({
    spdxElementId: from,
    relationshipType: linkedIn.has(part) ? 'STATIC_LINK' : 'DEPENDS_ON',
    relatedSpdxElement: refOf(part),
  }));
}

function refOf(part: string): string {
  return `SPDXRef-${idOf(part)}`;
}

/** SPDX allows only letters, digits, `.` and `-` in an identifier. */
function idOf(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9.-]/gu, '-');
}

/** Licences in the expressions that are not on SPDX's list, described as SPDX requires. */
function ownLicenses(expressions: readonly string[]): object[] {
  const names = new Set(expressions.flatMap((license) => license.match(/LicenseRef-[A-Za-z0-9.-]+/gu) ?? []));
  return [...names].sort().map((licenseId) => ({
    licenseId,
    name: licenseId,
    extractedText: 'The text is in the release, below licenses/.',
  }));
}
