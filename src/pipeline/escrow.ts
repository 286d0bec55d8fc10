import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import { CHECKSUMS_FILE } from '../domain/manifest.ts';
import { writeMirror } from '../fetch/mirror.ts';
import { packTree, unpackArchive } from '../io/archive.ts';
import { copyFile, hashFile, listTree, withTemporaryDirectory } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { packageFiles } from '../io/package-files.ts';
import { isPlainTar } from '../io/plain-tar.ts';
import { formatChecksums, parseChecksums } from '../domain/checksums.ts';
import type { Context } from './context.ts';
import { allSources, type LockedBundle } from './sources.ts';

/*
 * An escrow archive, beside a tarball, contains everything to rebuild it without a network: the tarball, which has
 * recipes, lockfile and installer; every source and wheel; and ksbundle. The tarball itself does not change.
 */

const SUFFIX = '.escrow.tar';
const SOURCES = 'sources';
const PACKAGE = 'ksbundle';

/** Path of a tarball's escrow archive. */
export function escrowFile(tarball: string): string {
  return tarball.replace(/\.tar\.gz$/u, '') + SUFFIX;
}

export interface EscrowOptions {
  readonly loaded: LockedBundle;
  /** Absolute path of the tarball without a signature, and its name. */
  readonly tarball: string;
  readonly name: string;
  /** Path of the archive. */
  readonly target: string;
}

/** Writes an escrow archive, whose bytes depend only on its contents. Throws what fetching and packing throw. */
export async function writeEscrow(context: Context, options: EscrowOptions): Promise<void> {
  const { loaded, tarball, name, target } = options;
  await withTemporaryDirectory(path.join(context.cacheDirectory, 'work'), async (root) => {
    await copyFile(tarball, path.join(root, name));
    await writeMirror(path.join(root, SOURCES), allSources(loaded), context.fetch);
    for (const { from, to } of await packageFiles()) await copyFile(from, path.join(root, PACKAGE, to));
    const top = path.basename(target, '.tar');
    await writeFile(path.join(root, 'README'), formatReadme(name, top));
    await writeFile(path.join(root, CHECKSUMS_FILE), formatChecksums(await digestsOf(root)));
    await packTree(root, target, { prefix: top, signal: context.signal });
  });
}

function formatReadme(name: string, top: string): string {
  return `This archive contains everything that ${name} was built from, and ksbundle to build it again without a network:

  sha256sum -c ${CHECKSUMS_FILE}        check every file
  tar -tzf ${name}        the release; its recipes and lockfile are in share/ksbundle/
  ${SOURCES}/        sources and wheels, by the names and digests in the lockfile
  ${PACKAGE}/        ksbundle; it needs Node 20.19 or later, and names other programs that the host lacks

  node ${PACKAGE}/dist/cli/main.js rebuild ../${top}.tar --trust

builds the release and this archive again and compares both. It runs programs of this archive. To check the archive's signature
first, use --key PUBLIC_KEY instead of --trust.
`;
}

export interface OpenEscrow {
  /** Absolute path of the tarball in it. */
  readonly tarball: string;
  /** Absolute path of the directory of its sources. */
  readonly sources: string;
}

/** Whether a file is an escrow archive: unlike a tarball it is not compressed, because its contents are. */
export const isEscrow = isPlainTar;

/** Unpacks an escrow archive into the new directory `directory` and checks every file. Throws `KSB_VERIFY_FAILED`. */
export async function openEscrow(file: string, directory: string, signal: AbortSignal): Promise<OpenEscrow> {
  await mkdir(path.dirname(directory), { recursive: true });
  await unpackArchive(file, directory, { strip: 1, signal });
  const text = (await ifThere(readFile(path.join(directory, CHECKSUMS_FILE), 'utf8'))) ?? '';
  const listed = parseChecksums(text);
  const found = await digestsOf(directory);
  found.delete(CHECKSUMS_FILE);
  const problems = listed === undefined ? [] : compare(listed, found);
  const tarball = (await readdir(directory)).find((name) => name.endsWith('.tar.gz'));
  if (listed === undefined || tarball === undefined || problems.length > 0) {
    throw new KsbundleError({
      code: 'KSB_VERIFY_FAILED',
      exitCode: ExitCode.integrity,
      message: `${path.basename(file)} is not as it was packed`,
      why: problems[0]?.message ?? `it lacks its ${CHECKSUMS_FILE}, or a tarball`,
      hint: 'get the archive again from its builder',
      problems,
    });
  }
  return { tarball: path.join(directory, tarball), sources: path.join(directory, SOURCES) };
}

async function digestsOf(root: string): Promise<Map<string, Sha256>> {
  const digests = new Map<string, Sha256>();
  for (const { path: name, kind } of await listTree(root)) {
    if (kind !== 'directory') digests.set(name, await hashFile(path.join(root, name)));
  }
  return digests;
}

function compare(listed: ReadonlyMap<string, Sha256>, found: ReadonlyMap<string, Sha256>): Problem[] {
  return [...new Set([...listed.keys(), ...found.keys()])]
    .filter((name) => listed.get(name) !== found.get(name))
    .map((name) => ({ code: 'changed', message: `${name} does not match ${CHECKSUMS_FILE}` }));
}
