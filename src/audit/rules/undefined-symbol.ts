import type { UndefinedSymbol } from '../../domain/elf/symbols.ts';
import { closureOf, type LoadedObject } from '../loader.ts';
import type { Load, Release } from '../loads.ts';
import type { Offence, Rule } from '../rule.ts';
import type { ScannedElf } from '../scan.ts';

/**
 * Every symbol that a file uses is defined, in the version it wants, by what is loaded with it. References to glibc are
 * known by their version, which every one has, and are the business of `glibc-floor`.
 */
export const undefinedSymbol: Rule = {
  name: 'undefined-symbol',
  remedy: 'link the file with the library that defines the symbol',
  *checkRelease(release) {
    for (const load of release.loads) {
      for (const object of load.objects) yield* checkObject(release, load, object);
    }
  },
};

function* checkObject(release: Release, load: Load, object: LoadedObject): Generator<Offence> {
  const visible = new Set([...closureOf(object), ...load.scope].map(({ elf }) => elf));
  for (const symbol of object.elf.symbols.undefined) {
    if (symbol.weak || isLeftToOthers(release, object, symbol)) continue;
    if ([...visible].some((elf) => defines(elf, symbol))) continue;
    const name = symbol.version === undefined ? symbol.name : `${symbol.name}@${symbol.version}`;
    const where = load.host === undefined ? '' : ` in ${load.host}`;
    const provider = release.elfFiles.find((elf) => defines(elf, symbol));
    const hint = provider === undefined ? '' : `; ${provider.path} defines it, but is not loaded`;
    yield {
      path: object.elf.path,
      subject: name,
      message: `uses ${name}, which nothing that is loaded with it${where} defines${hint}`,
    };
  }
}

/** Symbols of glibc, and of libraries that `needed-library` misses already. */
function isLeftToOthers(release: Release, object: LoadedObject, symbol: UndefinedSymbol): boolean {
  if (symbol.library === undefined) return false;
  return release.hostLibraries.has(symbol.library) || object.missing.includes(symbol.library);
}

/** A library without versions satisfies references to any; a reference without version takes what there is. */
function defines(elf: ScannedElf, symbol: UndefinedSymbol): boolean {
  const definitions = elf.definitions.get(symbol.name) ?? [];
  if (symbol.version === undefined) return definitions.length > 0;
  return definitions.some(
    ({ version }) =>
      version === symbol.version || (version === undefined && elf.symbols.definedVersions.length === 0),
  );
}
