import type { UndefinedSymbol } from '../../domain/elf/symbols.ts';
import { closureOf, type LoadedObject } from '../loader.ts';
import type { Load, Release } from '../loads.ts';
import type { Offence, Rule } from '../rule.ts';
import type { ScannedElf } from '../scan.ts';

/**
 * The objects that are loaded with a file define every symbol that it uses, in the required version. `glibc-floor`
 * checks versioned references to glibc. A file that was not linked with glibc's library has references without a
 * version; they need that library to be loaded by another object.
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
  const visible = new Set([...closureOf(object), ...load.scope]);
  const files = new Set([...visible].map(({ elf }) => elf));
  const hostLibraries = new Set(['libc.so.6', ...[...visible].flatMap((other) => other.hostLibraries)]);
  for (const symbol of object.elf.symbols.undefined) {
    if (symbol.weak || isLeftToOthers(release, object, symbol)) continue;
    if ([...files].some((elf) => defines(elf, symbol))) continue;
    const ofHost = symbol.version === undefined ? [...(release.hostSymbols.get(symbol.name) ?? [])] : [];
    if (ofHost.some((library) => hostLibraries.has(library))) continue;
    const name = symbol.version === undefined ? symbol.name : `${symbol.name}@${symbol.version}`;
    const where = load.host === undefined ? '' : ` in ${load.host}`;
    const provider = release.elfFiles.find((elf) => defines(elf, symbol))?.path ?? ofHost[0];
    const hint = provider === undefined ? '' : `; ${provider} defines it, but is not loaded`;
    yield {
      path: object.elf.path,
      subject: name,
      message: `uses ${name}, which no object loaded with it${where} defines${hint}`,
    };
  }
}

/**
 * Versioned symbols of glibc, and symbols that may belong to a library that `needed-library` already reports as
 * missing.
 */
function isLeftToOthers(release: Release, object: LoadedObject, symbol: UndefinedSymbol): boolean {
  if (symbol.library === undefined) return object.missing.length > 0;
  return release.hostLibraries.has(symbol.library) || object.missing.includes(symbol.library);
}

/**
 * A library without versions satisfies a reference to any version; a reference without a version accepts any version.
 */
function defines(elf: ScannedElf, symbol: UndefinedSymbol): boolean {
  const definitions = elf.definitions.get(symbol.name) ?? [];
  if (symbol.version === undefined) return definitions.length > 0;
  return definitions.some(
    ({ version }) =>
      version === symbol.version || (version === undefined && elf.symbols.definedVersions.length === 0),
  );
}
