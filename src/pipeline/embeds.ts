import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { LibraryInFile } from '../domain/audit.ts';
import { libraryNamed, repositoryOf } from '../domain/libraries/table.ts';
import { registryOf } from '../domain/bill.ts';
import type { Embedded, ManifestComponent, Part } from '../domain/manifest.ts';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import type { Lockfile } from '../domain/lock.ts';
import { parsePurl } from '../domain/purl.ts';
import type { Bundle, Component, DeclaredEmbed } from '../domain/recipe.ts';
import { PUBLISHER_BILL, readPublisherBill } from '../pack/sbom/publisher.ts';
import { didYouMean } from './did-you-mean.ts';

export interface Declaring {
  readonly bundle: Bundle;
  /** All components that the bundle needs. */
  readonly components: readonly Component[];
  readonly lockfile: Lockfile;
}

/**
 * Contents of components and wheels that recipes declare. Throws `KSB_EMBEDS_UNKNOWN` for a carrier that is not in the
 * bundle, or only in a version without a declaration.
 */
export function declaredEmbeds({ bundle, components, lockfile }: Declaring): readonly Embedded[] {
  const versions = new Map(lockfile.wheels.map(({ name, version }) => [name, version]));
  const problems = unknownCarriers(bundle, versions);
  if (problems.length > 0) {
    throw new KsbundleError({
      code: 'KSB_EMBEDS_UNKNOWN',
      exitCode: ExitCode.usage,
      message: `${bundle.name} declares the contents of wheels that it does not contain`,
      place: { file: bundle.origin.file },
      problems,
      hint: 'a newer wheel may contain other versions: check its contents and declare them',
    });
  }
  return [
    ...bundle.embeds
      .filter(({ carrier, carrierVersion }) => versions.get(carrier) === carrierVersion)
      .flatMap(({ carrier, ...declared }) => embedsOf(`wheel:${carrier}`, declared)),
    ...components.flatMap(({ name, embeds }) =>
      embeds.flatMap((declared) => embedsOf(`component:${name}`, declared)),
    ),
  ];
}

function unknownCarriers({ embeds }: Bundle, versions: ReadonlyMap<string, string>): Problem[] {
  return [...new Set(embeds.map(({ carrier }) => carrier))].flatMap((carrier): Problem[] => {
    const version = versions.get(carrier);
    const known = embeds.filter((each) => each.carrier === carrier).map((each) => each.carrierVersion);
    if (version === undefined) {
      return [
        {
          code: 'unknown-carrier',
          message: `[[embeds]]: the bundle has no wheel of "${carrier}"`,
          ...didYouMean(carrier, versions.keys()),
        },
      ];
    }
    if (known.includes(version)) return [];
    return [
      {
        code: 'other-carrier-version',
        message: `[[embeds]]: the bundle has ${carrier} ${version}, but the recipe declares the contents of ${[...new Set(known)].join(', ')}`,
        hint: `check the contents of ${carrier} ${version} and declare them; if it has its own bill of materials, remove the table`,
      },
    ];
  });
}

function embedsOf(carrier: Part, { packages, license, cpe, reason }: DeclaredEmbed): Embedded[] {
  return packages.flatMap((purl): Embedded[] => {
    const parsed = parsePurl(purl);
    if (parsed === undefined) return [];
    const { name, version } = parsed;
    const named = { carrier, name, version, purl, license, ...(cpe === undefined ? {} : { cpe }) };
    return [{ ...withKnownNames(named), source: 'recipe', reason }];
  });
}

type Named = Pick<Embedded, 'carrier' | 'name' | 'version' | 'purl' | 'license' | 'cpe'>;

/** Adds the names in advisories of a well-known library. */
function withKnownNames(named: Named): Named & Pick<Embedded, 'repository'> {
  const library = registryOf(named.purl) === 'generic' ? libraryNamed(named.name) : undefined;
  if (library === undefined) return named;
  const repository = repositoryOf(library, named.version);
  const { cpe = library.cpe, ...rest } = named;
  return {
    ...rest,
    ...(cpe === undefined ? {} : { cpe }),
    ...(repository === undefined ? {} : { repository }),
  };
}

/** The contents of the bills that came with wheels in a release directory (PEP 770). */
export async function publishedEmbeds(
  directory: string,
  parts: ReadonlyMap<string, Part>,
): Promise<readonly Embedded[]> {
  const bills = [...parts].filter(([file]) => PUBLISHER_BILL.test(file));
  const listed = await Promise.all(
    bills.map(async ([file, carrier]) => {
      const packages = readPublisherBill(await readFile(path.join(directory, file), 'utf8')) ?? [];
      return packages.map((each): Embedded => ({ ...withKnownNames({ carrier, ...each }), source: 'bill' }));
    }),
  );
  return listed.flat();
}

/** The release's components that its build linked into files of others, as found by the audit. */
export function linkedEmbeds(
  libraries: readonly LibraryInFile[],
  parts: ReadonlyMap<string, Part>,
  components: readonly ManifestComponent[],
): readonly Embedded[] {
  return libraries.flatMap(({ path: file, billed, component }): Embedded[] => {
    const carrier = parts.get(file);
    const found = components.find(({ name }) => `component:${name}` === component);
    if (billed !== 'linked' || carrier === undefined || found === undefined) return [];
    const { name, version, purl, license, cpe, repository } = found;
    return [
      {
        carrier,
        name,
        version,
        purl,
        license,
        ...(cpe === undefined ? {} : { cpe }),
        ...(repository === undefined ? {} : { repository }),
        source: 'build',
      },
    ];
  });
}

/** One entry per package and carrier, in the manifest's order; the first one wins. */
export function mergeEmbeds(embeds: readonly Embedded[]): readonly Embedded[] {
  const byKey = new Map<string, Embedded>();
  for (const embed of embeds) {
    const key = `${embed.carrier} ${registryOf(embed.purl)} ${embed.name} ${embed.version}`;
    if (!byKey.has(key)) byKey.set(key, embed);
  }
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, embed]) => embed);
}
