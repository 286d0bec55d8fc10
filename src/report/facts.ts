import type { AdvisoryReport } from '../domain/advisories/report.ts';
import type { AuditReport } from '../domain/audit.ts';
import { embeddedPart } from '../domain/bill.ts';
import type { Sha256 } from '../domain/digest.ts';
import { asLicense } from '../domain/license.ts';
import type { Embedded, Manifest, ManifestComponent, ManifestWheel, Part } from '../domain/manifest.ts';
import type { InspectResult, SignatureState } from '../domain/results.ts';
import type { Timeline } from '../domain/timeline.ts';

/** Everything in a report. */
export interface ReportFacts {
  readonly inspected: InspectResult;
  readonly manifest: Manifest;
  /** Digest of the checksums: identifies the release, regardless of signatures. */
  readonly releaseId: Sha256;
  /** Digest of the tarball as it is. */
  readonly tarball: Sha256;
  readonly signature: Exclude<SignatureState, 'valid'>;
  readonly audit: AuditReport;
  /** Set if it was looked up. */
  readonly advisories?: AdvisoryReport | undefined;
  /** Set if it is beside the tarball and matches it. */
  readonly timeline?: Timeline | undefined;
}

/** A part of the release, for all sections. */
export interface ReportPart {
  readonly part: Part;
  /** Of its row in the table of parts; a name may not be a valid id. */
  readonly id: string;
  readonly kind: 'component' | 'wheel' | 'bundle';
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** Bytes on disk. */
  readonly size: number;
  readonly files: number;
  /** It ships only its licence: it is linked into other parts. */
  readonly linkedIn: boolean;
  readonly requires: readonly Part[];
  /** Its source archives, or its wheel. */
  readonly archives: readonly { readonly file: string; readonly sha256: Sha256 }[];
  /** Embedded code of others, without components that the build linked in: these are parts themselves. */
  readonly embedded: readonly EmbeddedPart[];
}

/** Something inside a part; `name` distinguishes crates and Go modules from libraries. */
export interface EmbeddedPart {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** Text for an unstated licence. */
const UNSTATED = 'not stated';

type DescribedPart = Pick<
  ReportPart,
  'part' | 'kind' | 'name' | 'version' | 'license' | 'requires' | 'archives'
>;

/** The parts of a release: its own files, then components and wheels by name. */
export function partsOf({ manifest }: ReportFacts): readonly ReportPart[] {
  const totals = new Map<Part, { size: number; files: number; linkedIn: boolean }>();
  for (const entry of manifest.files) {
    const total = totals.get(entry.part) ?? { size: 0, files: 0, linkedIn: true };
    total.size += 'size' in entry ? entry.size : 0;
    total.files += 1;
    total.linkedIn &&= entry.path.startsWith('licenses/');
    totals.set(entry.part, total);
  }
  const described: readonly DescribedPart[] = [
    {
      part: 'bundle',
      kind: 'bundle',
      name: manifest.bundle,
      version: `${manifest.version}-${manifest.revision}`,
      license: manifest.license,
      requires: manifest.requires,
      archives: [],
    },
    ...manifest.components.map((component) => describe('component', component, component.sources)),
    ...manifest.wheels.map((wheel) => describe('wheel', wheel, [wheel])),
  ];
  return described.map((part, index) => ({
    ...part,
    ...(totals.get(part.part) ?? { size: 0, files: 0, linkedIn: true }),
    embedded: (manifest.embeds ?? [])
      .filter(({ carrier, source }) => carrier === part.part && source !== 'build')
      .map(describeEmbedded),
    id: `part-${index}`,
  }));
}

function describe(
  kind: 'component' | 'wheel',
  { name, version, license, requires }: ManifestComponent | ManifestWheel,
  archives: ReportPart['archives'],
): DescribedPart {
  return {
    part: `${kind}:${name}`,
    kind,
    name,
    version,
    license: asLicense(license),
    requires,
    archives: archives.map(({ file, sha256 }) => ({ file, sha256 })),
  };
}

function describeEmbedded(embed: Embedded): EmbeddedPart {
  const { carrier, version, license } = embed;
  const name = embeddedPart(embed).slice(carrier.length + 1);
  return { name, version, license: license === undefined ? UNSTATED : asLicense(license) };
}
