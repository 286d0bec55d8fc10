import { basename } from 'node:path/posix';
import type { Sha256 } from '../../domain/digest.ts';
import { SOURCE_DATE_EPOCH } from '../../domain/layout.ts';
import { LICENSE_IDS } from '../../domain/license.ts';
import type { VexJustification, VexStatus } from '../../domain/advisories/vex.ts';
import type { Manifest, ManifestFile, Part, VexStatement } from '../../domain/manifest.ts';
import type { Support } from '../../domain/recipe.ts';
import { takeInventory, uuidOf, type EmbeddedItem, type Item } from './inventory.ts';

const BUNDLE: Part = 'bundle';

/**
 * The bill of materials of a release as CycloneDX 1.6. Serial number and time depend only on the release, so that the
 * shipped bill can be reproduced from the manifest byte for byte.
 */
export function formatCycloneDx(manifest: Manifest): string {
  const { items, digest } = takeInventory(manifest);
  const {
    bundle,
    version,
    revision,
    license,
    summary,
    platform,
    floor,
    toolchain,
    support = {},
    vex = [],
  } = manifest;
  const { contact, disclosurePolicy } = support;
  const references = [
    ...(contact === undefined ? [] : [{ type: 'security-contact', url: contact }]),
    ...(disclosurePolicy === undefined
      ? []
      : [
          { type: 'other', url: disclosurePolicy, comment: 'policy of coordinated vulnerability disclosure' },
        ]),
  ];
  const document = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: uuidOf(digest),
    version: 1,
    metadata: {
      timestamp: new Date(SOURCE_DATE_EPOCH * 1000).toISOString().replace('.000', ''),
      tools: { components: [{ type: 'application', name: 'ksbundle' }] },
      ...(support.manufacturer === undefined ? {} : { manufacturer: creatorOf(support) }),
      component: {
        type: 'application',
        'bom-ref': BUNDLE,
        name: bundle,
        version: `${version}-${revision}`,
        description: summary,
        licenses: licensesOf(license),
        ...(support.manufacturer === undefined ? {} : { manufacturer: creatorOf(support) }),
        ...(references.length === 0 ? {} : { externalReferences: references }),
        properties: properties({ platform, glibc: floor, 'support-end': support.end }),
      },
    },
    components: [
      ...items.map(componentOf),
      {
        type: 'application',
        'bom-ref': `toolchain:${toolchain.name}`,
        name: toolchain.name,
        version: toolchain.version,
        description: 'the compiler, whose runtime library is linked into what it built',
        scope: 'excluded',
        licenses: licensesOf(toolchain.license),
      },
    ],
    dependencies: [
      { ref: BUNDLE, dependsOn: manifest.requires },
      ...items.map(({ part, requires }) => ({ ref: part, dependsOn: requires })),
    ],
    compositions: [
      { aggregate: 'complete', assemblies: [BUNDLE], dependencies: [BUNDLE] },
      // Only publishers know what they linked into their own code.
      { aggregate: 'unknown', assemblies: items.map(({ part }) => part) },
    ],
    ...(vex.length === 0 ? {} : { vulnerabilities: vex.map((each) => vulnerabilityOf(each, items)) }),
  };
  return `${JSON.stringify(document, null, 1)}\n`;
}

function componentOf(item: Item): object {
  const {
    part,
    kind,
    name,
    version,
    license,
    cpe,
    purl,
    archives,
    recipe,
    repository,
    linkedIn,
    bills,
    embedded,
    files,
  } = item;
  const isWheel = part.startsWith('wheel:');
  const references = [
    ...archives.map((archive) => reference(isWheel ? 'distribution' : 'source-distribution', archive)),
    ...(repository === undefined
      ? []
      : [{ type: 'vcs', url: repository.url, comment: `tag ${repository.tag}` }]),
    ...bills.map(({ path, sha256 }) => reference('bom', { file: path, sha256 })),
  ];
  const inside = [...embedded.map(embeddedComponent), ...files.map((file) => fileComponent(file, license))];
  const facts = properties({ recipe, linkage: linkedIn ? 'static' : undefined });
  return {
    type: kind === 'program' ? 'application' : 'library',
    'bom-ref': part,
    name,
    version,
    ...(isWheel ? { hashes: archives.map(({ sha256 }) => hashOf(sha256)) } : {}),
    licenses: licensesOf(license),
    ...(cpe === undefined ? {} : { cpe }),
    purl,
    ...(references.length === 0 ? {} : { externalReferences: references }),
    ...(facts.length === 0 ? {} : { properties: facts }),
    ...(inside.length === 0 ? {} : { components: inside }),
  };
}

/**
 * A program or library of a part, with the properties that BSI TR-03183-2 (v2.0.0, section 5.2.2) requires for each
 * file. Their names and values come from BSI's CycloneDX property taxonomy, v0.1.0
 * (github.com/BSI-Bund/tr-03183-cyclonedx-property-taxonomy): the name is not a path; the path is in `bom-ref`. A
 * part as a whole is not a file and has none of these properties.
 */
function fileComponent({ path: file, sha256, sha512 }: ManifestFile, license: string): object {
  return {
    type: 'file',
    'bom-ref': `file:${file}`,
    name: basename(file),
    hashes: [hashOf(sha256), ...(sha512 === undefined ? [] : [{ alg: 'SHA-512', content: sha512 }])],
    properties: [
      { name: 'bsi:component:filename', value: basename(file) },
      { name: 'bsi:component:executable', value: 'executable' },
      { name: 'bsi:component:archive', value: 'no archive' },
      { name: 'bsi:component:structured', value: 'structured' },
      { name: 'bsi:component:associatedLicences', value: license },
    ],
  };
}

const STATES: Readonly<Record<VexStatus, string>> = {
  not_affected: 'not_affected',
  fixed: 'resolved',
  under_investigation: 'in_triage',
};

/** CycloneDX has no counterpart of OpenVEX's `vulnerable_code_cannot_be_controlled_by_adversary`. */
const JUSTIFICATIONS: Readonly<Partial<Record<VexJustification, string>>> = {
  component_not_present: 'code_not_present',
  vulnerable_code_not_present: 'code_not_present',
  vulnerable_code_not_in_execute_path: 'code_not_reachable',
  inline_mitigations_already_exist: 'protected_by_mitigating_control',
};

/** A recipe's statement, for readers that compare only versions: a patch does not change the version. */
function vulnerabilityOf(statement: VexStatement, items: readonly Item[]): object {
  const { part, vulnerability, status, justification, reason } = statement;
  const embedded = items.flatMap((item) => item.embedded).filter((each) => each.part === part);
  const refs = embedded.length === 0 ? [part] : embedded.map(({ ref }) => ref);
  const word = justification === undefined ? undefined : JUSTIFICATIONS[justification];
  return {
    id: vulnerability,
    analysis: {
      state: STATES[status],
      ...(word === undefined ? {} : { justification: word }),
      detail: reason,
    },
    affects: [...new Set(refs)].map((ref) => ({ ref })),
  };
}

/** The manufacturer of the release in CycloneDX's form; nothing if the recipe names none. */
function creatorOf({ manufacturer, contact }: Support): object {
  if (manufacturer === undefined) return {};
  const address = contact?.replace(/^mailto:/u, '');
  const reached = address === undefined || address === contact ? {} : { contact: [{ email: address }] };
  return {
    name: manufacturer,
    ...(address === contact && contact !== undefined ? { url: [contact] } : {}),
    ...reached,
  };
}

/** Descriptions of the sources of a statement. */
const SOURCES = {
  bill: 'the bill of materials that came with it',
  recipe: 'a declaration in the recipe',
  build: 'the build, which linked the component',
} as const;

function embeddedComponent(item: EmbeddedItem): object {
  const { ref, name, version, license, cpe, purl, repository, source, reason } = item;
  return {
    type: 'library',
    'bom-ref': ref,
    name,
    version,
    ...(license === undefined ? {} : { licenses: licensesOf(license) }),
    ...(cpe === undefined ? {} : { cpe }),
    purl,
    ...(repository === undefined
      ? {}
      : { externalReferences: [{ type: 'vcs', url: repository.url, comment: `tag ${repository.tag}` }] }),
    properties: properties({ linkage: 'static', source: SOURCES[source], reason }),
  };
}

/** A file by its name, or its path in the release. It has no URL: ksbundle fetches files by digest from any place. */
function reference(
  type: string,
  { file, sha256 }: { readonly file: string; readonly sha256: Sha256 },
): object {
  return { type, url: encodeURI(file), hashes: [hashOf(sha256)] };
}

function hashOf(sha256: Sha256): object {
  return { alg: 'SHA-256', content: sha256 };
}

function properties(values: Readonly<Record<string, string | undefined>>): object[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name: `ksbundle:${name}`, value }],
  );
}

/** An identifier of SPDX's list, or an expression. */
function licensesOf(license: string): object[] {
  return LICENSE_IDS.includes(license)
    ? [{ license: { id: license, acknowledgement: 'declared' } }]
    : [{ expression: license, acknowledgement: 'declared' }];
}
