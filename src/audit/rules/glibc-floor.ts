import type { RequiredVersion } from '../../domain/elf/versions.ts';
import { dynamicValue, Tag } from '../../domain/elf/file.ts';
import { parseGlibcSymbolVersion } from '../../domain/glibc.ts';
import { compareGlibc, formatGlibc, type GlibcVersion } from '../../domain/platform.ts';
import type { AuditOptions } from '../options.ts';
import type { Offence, Rule } from '../rule.ts';
import type { ScannedElf } from '../scan.ts';

/** The first glibc that reads `DT_RELR`; an older one ignores those relocations, and the program crashes. */
const RELR: GlibcVersion = { major: 2, minor: 36 };

/** No file needs a newer glibc than the platform's floor. */
export const glibcFloor: Rule = {
  name: 'glibc-floor',
  remedy: 'build the file for the glibc floor, or use a wheel whose tag is not above it',
  *checkRelease(release, options) {
    for (const elf of release.elfFiles) {
      for (const required of elf.symbols.requiredVersions) {
        if (release.hostLibraries.has(required.library)) yield* checkVersion(elf, required, options);
      }
      yield* checkRelocations(elf, options);
    }
  },
};

/** The newest glibc that a file needs. */
export function neededGlibc(elfFiles: readonly ScannedElf[]): GlibcVersion | undefined {
  return elfFiles
    .flatMap(({ symbols }) =>
      symbols.requiredVersions.flatMap(({ version }) => parseGlibcSymbolVersion(version) ?? []),
    )
    .toSorted(compareGlibc)
    .at(-1);
}

function* checkVersion(
  elf: ScannedElf,
  required: RequiredVersion,
  options: AuditOptions,
): Generator<Offence> {
  const { library, version, weak } = required;
  const needed = parseGlibcSymbolVersion(version);
  if (weak || (needed !== undefined && compareGlibc(needed, options.platform.floor) <= 0)) return;
  const { path } = elf;
  const floor = formatGlibc(options.platform.floor);
  const why = needed === undefined ? 'is not a public version of glibc' : `is above the floor ${floor}`;
  const symbols = elf.symbols.undefined.filter(
    (symbol) => symbol.library === library && symbol.version === version,
  );
  if (symbols.length === 0) {
    yield { path, subject: version, message: `needs version ${version} of ${library}, which ${why}` };
  }
  for (const { name } of symbols) {
    const subject = `${name}@${version}`;
    yield { path, subject, message: `uses ${subject} of ${library}; that version ${why}` };
  }
}

function* checkRelocations({ path, file }: ScannedElf, options: AuditOptions): Generator<Offence> {
  if (file.dynamic === undefined || dynamicValue(file.dynamic, Tag.relr) === undefined) return;
  if (compareGlibc(RELR, options.platform.floor) <= 0) return;
  yield {
    path,
    subject: 'DT_RELR',
    message: `has packed relocations (DT_RELR), which only glibc ${formatGlibc(RELR)} and later read`,
    remedy: 'link it with -z nopack-relative-relocs (LLD: --pack-dyn-relocs=none)',
  };
}
