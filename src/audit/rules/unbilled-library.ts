import { billingOf, canonicalName, registryOf, type Bill } from '../../domain/bill.ts';
import type { LibraryInFile } from '../../domain/audit.ts';
import { libraryNamed } from '../../domain/libraries/table.ts';
import { nameOfPart, type Part } from '../../domain/manifest.ts';
import type { Release } from '../loads.ts';
import type { Offence, Rule } from '../rule.ts';

/** The bill of materials lists every well-known library, crate and module that the bytes of files show. */
export const unbilledLibrary: Rule = {
  name: 'unbilled-library',
  remedy: 'declare it with [[embeds]] in the recipe, or use a build without it',
  *checkRelease(release, { bill }) {
    if (bill === undefined) return;
    const unbilled = release.libraries.filter(({ billed }) => billed === undefined);
    for (const library of unbilled) yield describe(library, bill, unbilled);
    yield* unproven(release, bill);
  },
};

function describe(library: LibraryInFile, bill: Bill, unbilled: readonly LibraryInFile[]): Offence {
  const { path } = library;
  const part = bill.parts.get(path);
  const billing = billingOf(bill, part, library);
  const others = billing.kind === 'missing' ? billing.others : [];
  const carrier = part === undefined ? 'the release' : nameOfPart(part);
  const billed =
    others.length === 0
      ? `which the bill of materials does not list for ${carrier}`
      : `but the bill of materials lists ${others.join(', ')} for ${carrier}`;
  const inFile = unbilled.filter((each) => each.path === path);
  const remedy = remedyFor(part, inFile);
  return {
    path,
    subject: subjectOf(library),
    message: `contains ${subjectOf(library)}, ${billed}`,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** A name for messages: `openssl 3.3.2`, `crate asn1 0.16.2`; `libffi` if the version is unknown. */
function subjectOf({ registry, name, versions }: LibraryInFile): string {
  const kind = { generic: '', cargo: 'crate ', golang: 'Go module ' }[registry];
  return `${kind}${[name, versions.join(' or ')].join(' ').trim()}`;
}

/** How to declare all libraries in a file; one text for all of them, so that it is shown once. */
function remedyFor(part: Part | undefined, libraries: readonly LibraryInFile[]): string | undefined {
  if (part === undefined || part === 'bundle') return undefined;
  const packages = libraries.map(({ registry, name, versions }) =>
    JSON.stringify(`pkg:${registry}/${name}@${versions[0] ?? 'VERSION'}`),
  );
  const carrier = part.startsWith('wheel:') ? `carrier = "${nameOfPart(part)}", carrier-version, ` : '';
  const where = part.startsWith('wheel:') ? "the bundle's recipe" : `the recipe of ${nameOfPart(part)}`;
  return `if it is still maintained, declare it in ${where}: [[embeds]] with ${carrier}packages = [${packages.join(', ')}], license, reason; else use a build without it`;
}

/** A declared library that no file shows was removed, or was never detected. */
function* unproven(release: Release, bill: Bill): Generator<Offence> {
  for (const { carrier, name, version, purl, source } of bill.embeds) {
    const registry = registryOf(purl);
    if (source !== 'recipe' || registry !== 'generic' || libraryNamed(name) === undefined) continue;
    const isShown = release.libraries.some(
      (library) =>
        library.registry === registry &&
        library.name === canonicalName(name) &&
        bill.parts.get(library.path) === carrier,
    );
    if (isShown) continue;
    yield {
      path: '.',
      subject: `${name} ${version}`,
      message: `is a release whose recipe declares ${name} ${version} in ${nameOfPart(carrier)}, but none of its files contains it`,
      remedy: 'remove it from [[embeds]]',
    };
  }
}
