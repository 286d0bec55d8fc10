import path from 'node:path';
import { architectureFacts } from '../../domain/platform.ts';
import type { LoadedObject } from '../loader.ts';
import type { Load, Release } from '../loads.ts';
import type { AuditOptions } from '../options.ts';
import type { Offence, Rule } from '../rule.ts';

/** glibc finds every needed library in the release, or the library is part of glibc. */
export const neededLibrary: Rule = {
  name: 'needed-library',
  remedy: 'build the library as a component that ships, or configure the component without it',
  *checkRelease(release, options) {
    for (const load of release.loads) {
      for (const object of load.objects) {
        for (const library of object.missing) yield missingLibrary(release, load, { object, library });
      }
    }
    yield* foreignLoaders(release, options);
  },
};

function missingLibrary(
  release: Release,
  load: Load,
  { object, library }: { readonly object: LoadedObject; readonly library: string },
): Offence {
  const file = object.elf.path;
  const within = load.host === undefined ? '' : ` in ${load.host}`;
  const provider = findProvider(release, library);
  if (provider === undefined) {
    const message = `needs ${library}${within}, which is not in the release and not part of glibc`;
    return { path: file, subject: library, message };
  }
  return {
    path: file,
    subject: library,
    message: `needs ${library}${within}; ${provider} provides it, but the loader does not look there`,
    remedy: `give ${file} an RPATH that leads to ${path.posix.dirname(provider)}, or move ${provider} to lib`,
  };
}

function findProvider(release: Release, library: string): string | undefined {
  const byName = release.entries.find((entry) => path.posix.basename(entry.path) === library);
  return byName?.path ?? release.elfFiles.find(({ file }) => file.dynamic?.soname === library)?.path;
}

/** Programs contain the path of their loader, which must be the one that every host has. */
function* foreignLoaders(release: Release, options: AuditOptions): Generator<Offence> {
  const { loader } = architectureFacts(options.platform);
  for (const { path: file, file: elf } of release.elfFiles) {
    const { interpreter } = elf;
    if (interpreter === undefined || [`/lib/${loader}`, `/lib64/${loader}`].includes(interpreter)) continue;
    yield {
      path: file,
      subject: interpreter,
      message: `uses the loader ${interpreter}, which other hosts do not have`,
      remedy: "link it with the release's own compiler",
    };
  }
}
