import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { compareBytes } from '../domain/compare-bytes.ts';
import { mapConcurrently } from '../domain/concurrently.ts';
import { compileGlobs } from '../domain/glob.ts';
import { refuseIdleGlobs, type IdleGlob, type PlaceOf } from '../domain/idle-globs.ts';
import type { WheelFile } from '../domain/lock.ts';
import type { InstalledWheel, Part } from '../domain/manifest.ts';
import type { Emit } from '../domain/events.ts';
import type { Bundle } from '../domain/recipe.ts';
import { removeEmptyDirectories, withTemporaryDirectory } from '../io/files.ts';
import { installComponent, unpackComponent, type BuiltComponent } from './component.ts';
import { COMMON_DROPS } from './drops.ts';
import { installInstaller } from './installer.ts';
import { checkLaunchers, formatLauncher } from './launcher.ts';
import { requirePrograms } from './programs.ts';
import { formatReadme } from './readme.ts';
import { createReleaseTree, type ReleaseTree } from './release-tree.ts';
import { installWheel, type WheelInstallation } from './wheel/install-wheel.ts';
import { readLicense } from './wheel/license.ts';
import { parseEntryPoints } from './wheel/metadata.ts';
import { unpackWheel } from './wheel/unpack-wheel.ts';

export interface FetchedWheel {
  readonly wheel: WheelFile;
  /** Absolute path of its bytes. */
  readonly file: string;
}

export interface AssembleOptions {
  readonly bundle: Bundle;
  /**
   * All artifacts built for the bundle, including the interpreter; each recipe's `ship` selects the files that ship.
   */
  readonly components: readonly BuiltComponent[];
  readonly wheels: readonly FetchedWheel[];
  /** The repository's `init/` directory. */
  readonly init: string;
  /** The release directory, which must not exist yet. */
  readonly directory: string;
  readonly placeOf: PlaceOf;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
}

/** Number of archives unpacked at the same time: their files are small, and unpacking mostly waits for the disk. */
const AT_A_TIME = 6;

export interface Assembled {
  /** The part that each file and link belongs to, by release path. */
  readonly parts: ReadonlyMap<string, Part>;
  /** Paths of those that do not ship: services generate others from them; `generateFiles` removes them. */
  readonly passing: ReadonlySet<string>;
  /** Sorted by name. */
  readonly wheels: readonly InstalledWheel[];
  /** Release path of Python's site-packages. */
  readonly site: string;
}

/**
 * Fills a new release directory: components, wheels, launchers, installer, licences, README. After relocation,
 * `generateFiles` and `compileByteCode` follow; the manifest and checksums in `packRelease`. Throws `KSB_ASSEMBLE_CLASH`,
 * `KSB_WHEEL_INVALID`, `KSB_ENTRY_POINT_UNKNOWN`, `KSB_LICENSE_MISSING`, and what unpacking throws.
 */
export async function assembleRelease(options: AssembleOptions): Promise<Assembled> {
  const { bundle, directory, signal } = options;
  await mkdir(path.dirname(directory), { recursive: true });
  await mkdir(directory);
  const uses = bundle.services.flatMap(({ generations }) => generations.flatMap((each) => each.uses));
  const dropped = compileGlobs([...COMMON_DROPS, ...bundle.drop]);
  const tree = createReleaseTree(directory, dropped, compileGlobs(uses));
  const site = siteDirectory(options);
  const wheels: InstalledWheel[] = [];
  await withTemporaryDirectory(path.dirname(directory), async (temporary) => {
    const components = byName(options.components, ({ component }) => component.name);
    const unpackedComponents = await mapConcurrently(components, AT_A_TIME, (built) =>
      unpackComponent(built, path.join(temporary, built.component.name), signal),
    );
    const fetched = byName(options.wheels, ({ wheel }) => wheel.name);
    const licenses = new Map(bundle.python.licenses.map((each) => [each.distribution, each.license]));
    const unpackedWheels = await mapConcurrently(fetched, AT_A_TIME, async ({ wheel, file }) => {
      const unpacked = await unpackWheel({ wheel, file, signal }, path.join(temporary, wheel.file));
      return { wheel, unpacked, license: await readLicense(wheel, unpacked, licenses) };
    });
    const idle: IdleGlob[] = [];
    for (const unpacked of unpackedComponents) idle.push(...(await installComponent(tree, unpacked)));
    await refuseIdleGlobs(idle, options.placeOf);
    for (const unpacked of unpackedWheels) wheels.push(await installWheel(tree, { ...unpacked, site }));
    warnOfUndecided(options, unpackedWheels);
    await installInstaller(tree, {
      bundle,
      init: options.init,
      site,
      temporary: path.join(temporary, 'init'),
    });
  });
  await installLaunchers(tree, bundle, site);
  await requirePrograms(bundle.services, { files: new Set(tree.parts.keys()), site }, options.placeOf);
  await tree.write('README', formatReadme(bundle), { part: 'bundle' });
  tree.finish();
  await removeEmptyDirectories(directory);
  return { parts: tree.parts, passing: tree.passing, wheels, site };
}

function warnOfUndecided(
  { bundle, emit }: AssembleOptions,
  installations: readonly Omit<WheelInstallation, 'site'>[],
): void {
  for (const { wheel, license } of installations.filter((each) => !each.license.decided)) {
    const stated =
      license.stated === undefined ? 'does not name one' : `says ${JSON.stringify(license.stated)}`;
    emit({
      type: 'warning',
      message: `the licence of ${wheel.name} ${wheel.version} is listed as ${license.license}: its metadata ${stated}, and its licence text matches no known SPDX licence`,
      hint: `read its licence and add a [[python.license]] table for ${wheel.name} to ${path.basename(bundle.origin.file)}`,
    });
  }
}

/** The interpreter's directory for third-party modules: `lib/python<major>.<minor>/site-packages`. */
function siteDirectory({ bundle, components }: AssembleOptions): string {
  const interpreter = components.find(({ component }) => component.name === bundle.python.interpreter);
  if (interpreter === undefined) throw new TypeError(`${bundle.name}: its interpreter was not built`);
  const [major, minor] = interpreter.component.version.split('.');
  return `lib/python${major}.${minor}/site-packages`;
}

function byName<T>(items: readonly T[], name: (item: T) => string): T[] {
  return items.toSorted((a, b) => compareBytes(name(a), name(b)));
}

async function installLaunchers(tree: ReleaseTree, bundle: Bundle, site: string): Promise<void> {
  const { launchers } = bundle.python;
  const isEntryPoints = compileGlobs([`${site}/*.dist-info/entry_points.txt`]);
  const offered = new Set<string>();
  for (const file of [...tree.parts.keys()].filter(isEntryPoints)) {
    const text = await readFile(path.join(tree.root, file), 'utf8');
    for (const entryPoint of parseEntryPoints(text, 'console_scripts')) offered.add(entryPoint);
  }
  checkLaunchers(launchers, offered);
  for (const launcher of launchers) {
    await tree.write(`bin/${launcher.name}`, formatLauncher(launcher), { part: 'bundle', executable: true });
  }
}
