import { z } from 'zod';
import type { Sha256 } from '../domain/digest.ts';
import { SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import { CHECKSUMS_FILE } from '../domain/manifest.ts';
import type { BuilderDifference } from '../domain/results.ts';

/** An input of the release. */
export interface Material {
  /** File name, `recipe:<name>/<file>`, or `artifact:<component>-<version>` for one that another machine built. */
  readonly name: string;
  /** Package URL, if there is one. */
  readonly uri?: string;
  readonly sha256: Sha256;
  /** Of an artifact: fingerprints of the keys that signed it, first the one that was verified. */
  readonly signedBy?: readonly Sha256[];
}

/** How a release was built: its parameters, inputs and programs. */
export interface BuildFacts {
  /** Name of the bundle's recipe. */
  readonly bundle: string;
  readonly platform: string;
  readonly materials: readonly Material[];
  /** Versions of the programs that took part, by name. */
  readonly tools: Readonly<Record<string, string>>;
}

export interface MadeTarball {
  /** Name of the release. */
  readonly release: string;
  /** Digest of the tarball without a signature. */
  readonly sha256: Sha256;
  /** Digest of the tar inside; tarballs that differ only in compression have the same. */
  readonly tarSha256: Sha256;
  /** Digest of the checksums. */
  readonly releaseId: Sha256;
  /** gzip level. */
  readonly level: number;
}

/** How a tarball was made: a statement of in-toto, version 1, with the SLSA predicate for provenance, version 1. */
export type Provenance = z.infer<typeof schema>;

const schema = z.object({
  _type: z.literal('https://in-toto.io/Statement/v1'),
  subject: z.array(z.object({ name: z.string(), digest: z.object({ sha256: z.string() }) })),
  predicateType: z.literal('https://slsa.dev/provenance/v1'),
  predicate: z.record(z.string(), z.unknown()),
});

/** Parses provenance; undefined if the text is something else. */
export function parseProvenance(text: string): Provenance | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** File with the provenance of a tarball. */
export function provenanceFile(tarball: string): string {
  return `${tarball}.intoto.json`;
}

/** Payload type of an envelope with an in-toto statement. */
export const PROVENANCE_TYPE = 'application/vnd.in-toto+json';

/** File with the signed provenance of a tarball. */
export function envelopeFile(tarball: string): string {
  return `${tarball}.intoto.jsonl`;
}

/** States how a tarball was made, without time or place: the same build gives the same provenance. */
export function provenanceOf(made: MadeTarball, facts: BuildFacts): Provenance {
  const { release, sha256, tarSha256, releaseId, level } = made;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      { name: `${release}.tar.gz`, digest: { sha256 } },
      { name: `${release}.tar`, digest: { sha256: tarSha256 } },
      { name: `${release}/${CHECKSUMS_FILE}`, digest: { sha256: releaseId } },
    ],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: 'urn:ksbundle:build:1',
        externalParameters: { bundle: facts.bundle, platform: facts.platform },
        internalParameters: { sourceDateEpoch: SOURCE_DATE_EPOCH, gzipLevel: level },
        resolvedDependencies: facts.materials.map((material) => ({
          name: material.name,
          ...(material.uri === undefined ? {} : { uri: material.uri }),
          digest: { sha256: material.sha256 },
          ...(material.signedBy === undefined ? {} : { annotations: { signedBy: material.signedBy } }),
        })),
      },
      runDetails: {
        builder: {
          id: 'urn:ksbundle:builder:1',
          version: {
            node: process.versions.node,
            zlib: process.versions.zlib ?? '',
            ...Object.fromEntries(Object.entries(facts.tools).toSorted(([a], [b]) => (a < b ? -1 : 1))),
          },
        },
      },
    },
  };
}

const builder = z.object({
  runDetails: z.object({ builder: z.object({ version: z.record(z.string(), z.string()) }) }),
});

/** Programs that only one of two builds used, or that they used in different versions; sorted by name. */
export function compareBuilders(before: Provenance, after: Provenance): BuilderDifference[] {
  const [from, to] = [before, after].map(
    ({ predicate }) => builder.safeParse(predicate).data?.runDetails.builder.version ?? {},
  );
  const names = [...new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})])].toSorted();
  return names
    .map((name) => ({ name, from: from?.[name], to: to?.[name] }))
    .filter((each) => each.from !== each.to)
    .map((each) => ({
      name: each.name,
      ...(each.from === undefined ? {} : { from: each.from }),
      ...(each.to === undefined ? {} : { to: each.to }),
    }));
}

export function formatProvenance(provenance: Provenance): string {
  return `${JSON.stringify(provenance, null, 1)}\n`;
}
