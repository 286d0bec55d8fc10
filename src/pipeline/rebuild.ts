import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { recoverProject } from '../assemble/recover.ts';
import { compareReleases } from '../domain/comparison.ts';
import type { Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import { parsePlatform } from '../domain/platform.ts';
import type { BuildResult, RebuildResult } from '../domain/results.ts';
import { hashWithoutLeadingFiles, unpackArchive } from '../io/archive.ts';
import { copyFile, hashFile, removeTree } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { readManifestFromTarball } from '../pack/inspect.ts';
import { compareBuilders, parseProvenance, provenanceFile } from '../pack/provenance.ts';
import { allSignatures, requireDetachedSignature } from '../pack/signature.ts';
import { verifyTarball } from '../pack/verify.ts';
import { buildBundle } from './build.ts';
import { openContext, type Context } from './context.ts';
import { isEscrow, openEscrow } from './escrow.ts';
import { explainFiles } from './explain-files.ts';
import { readVerifyingKeys } from './keys.ts';
import { loadRecipeSet } from './recipes.ts';

export interface RebuildOptions {
  /** Directory for the rebuilt tarball; removes it by default. */
  readonly out?: string | undefined;
  /** Absolute paths of public keys, all of which must have signed `file`. */
  readonly keys?: readonly string[];
  /** Whether to run its recipes unconfined and without a signature check. */
  readonly trust?: boolean | undefined;
}

/**
 * Rebuilds a release tarball from its recipes, lockfile and installer, and compares. Sources and wheels come through
 * the context or, if `file` is an escrow archive, only from there. Reuses no other results: builds components, compiler
 * and release in a separate store. Runs programs that the author of the file chose: only if the key's owner signed it,
 * and then confined, or if the caller trusts it. Throws what `verifyTarball` and `buildBundle` throw,
 * `KSB_REBUILD_UNTRUSTED`, `KSB_REBUILD_OPEN`, and `KSB_RELEASE_WITHOUT_RECIPES`.
 */
export async function rebuildFile(
  context: Context,
  file: string,
  options: RebuildOptions = {},
): Promise<RebuildResult> {
  if ((options.keys ?? []).length === 0 && options.trust !== true) throw untrusted(file);
  refuseToReplace(file, options.out);
  const parent = path.join(context.cacheDirectory, 'work');
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(path.join(parent, 'rebuild-'));
  let keep = false;
  try {
    return await rebuildIn(directory, context, { ...options, file });
  } catch (error) {
    // Its message contains the path.
    keep = error instanceof KsbundleError && error.facts.code === 'KSB_BUILD_FAILED';
    throw error;
  } finally {
    if (!keep) await removeTree(directory);
  }
}

async function rebuildIn(
  directory: string,
  context: Context,
  { file: given, ...options }: RebuildOptions & { readonly file: string },
): Promise<RebuildResult> {
  const { signal } = context;
  const out = options.out ?? path.join(directory, 'out');
  // Verifies a copy, so that nobody can change the file between the check and the run.
  const file = await carryAway(given, path.join(directory, 'given'));
  const isArchive = await isEscrow(file);
  // Of an escrow archive, only the archive is signed, never the tarball inside.
  const keys = await readVerifyingKeys(options.keys ?? []);
  if (isArchive) for (const key of keys) await requireDetachedSignature(file, key);
  const escrow = isArchive ? await openEscrow(file, path.join(directory, 'escrow'), signal) : undefined;
  const tarball = escrow?.tarball ?? file;
  const { release } = await verifyTarball(tarball, { keys: isArchive ? [] : keys, signal });
  const manifest = await readManifestFromTarball(tarball);
  const original = path.join(directory, 'original');
  await unpackArchive(tarball, original, { strip: 1, signal });
  const built = await buildAgain(context, {
    original,
    manifest,
    directory,
    out,
    sources: escrow?.sources,
    trust: options.trust === true,
  });

  const sha256 = await hashWithoutLeadingFiles(tarball);
  const rebuiltSha256 = await hashWithoutLeadingFiles(built.tarball);
  const { parts, files } = compareReleases(manifest, await readManifestFromTarball(built.tarball));
  const beside = path.join(path.dirname(given), path.basename(isArchive ? tarball : given));
  const [before, after] = await Promise.all([beside, built.tarball].map(readProvenance));
  const again = path.join(directory, 'again');
  if (files.length > 0) await unpackArchive(built.tarball, again, { strip: 1, signal });
  return {
    release,
    ...compareDigests(sha256, rebuiltSha256),
    ...(built.escrow === undefined
      ? {}
      : { escrow: compareDigests(await hashFile(file), await hashFile(built.escrow)) }),
    ...(options.out === undefined ? {} : { rebuilt: built.tarball }),
    ...(before === undefined || after === undefined ? {} : { builders: compareBuilders(before, after) }),
    parts,
    files: await explainFiles(files, { original, again, confinement: await context.confinement(), signal }),
  };
}

/** Copies a file and its signatures into a new directory; returns the copy's path. */
async function carryAway(file: string, directory: string): Promise<string> {
  await mkdir(directory);
  const target = path.join(directory, path.basename(file));
  await copyFile(file, target);
  for (const beside of allSignatures(file))
    await ifThere(copyFile(beside, path.join(directory, path.basename(beside))));
  return target;
}

interface Again {
  /** The release, unpacked. */
  readonly original: string;
  readonly manifest: Manifest;
  /** Directory for all results except the tarball. */
  readonly directory: string;
  readonly out: string;
  /** Directory with all sources; without one, they come through the context. */
  readonly sources: string | undefined;
  readonly trust: boolean;
}

async function buildAgain(
  context: Context,
  { original, manifest, directory, out, sources, trust }: Again,
): Promise<BuildResult> {
  const project = await recoverProject(original, { manifest, directory: path.join(directory, 'project') });
  if (project === undefined) throw withoutRecipes(manifest);
  const platform = parsePlatform(manifest.platform) ?? context.platform;
  const own = await openContext({
    ...context,
    ...(sources === undefined ? {} : { mirrors: [sources], offline: true }),
    platform,
    cacheDirectory: directory,
    outDirectory: out,
    recipesDirectory: project.recipes,
    lockfilesDirectory: project.lockfiles,
    pagesDirectory: project.pages,
  });
  const { level, why } = await own.confinement();
  if (level !== 'full' && !trust) throw notShutIn(manifest, why);
  const { bundles } = await loadRecipeSet(own);
  const bundle = [...bundles.values()].find(
    ({ family, version, revision }) =>
      family === manifest.bundle && version === manifest.version && revision === manifest.revision,
  );
  if (bundle === undefined) throw withoutRecipes(manifest);
  const store = { ...own.store, times: context.store.times };
  // Sources are pinned by digest, so they may come from the user's store. Artifacts may not, nor from a shared cache:
  // only what is compiled here is evidence.
  const fetch = sources === undefined ? context.fetch : own.fetch;
  return buildBundle({ ...own, store, fetch }, bundle.name, { withSources: sources !== undefined });
}

/** The rebuilt tarball has the name of the given one, unless that was renamed. */
function refuseToReplace(tarball: string, out: string | undefined): void {
  if (out === undefined || path.resolve(out) !== path.dirname(path.resolve(tarball))) return;
  throw new KsbundleError({
    code: 'KSB_BAD_VALUE',
    exitCode: ExitCode.usage,
    message: `${path.basename(tarball)} is in ${out}, and the rebuilt tarball would overwrite it`,
    hint: 'choose another directory: --out DIR',
  });
}

function compareDigests(sha256: Sha256, rebuiltSha256: Sha256) {
  return { identical: sha256 === rebuiltSha256, sha256, rebuiltSha256 };
}

async function readProvenance(tarball: string) {
  const text = await ifThere(readFile(provenanceFile(tarball), 'utf8'));
  return text === undefined ? undefined : parseProvenance(text);
}

function untrusted(file: string): KsbundleError {
  const name = path.basename(file);
  return new KsbundleError({
    code: 'KSB_REBUILD_UNTRUSTED',
    exitCode: ExitCode.usage,
    message: `ksbundle does not rebuild ${name} until you confirm its origin`,
    why: 'a rebuild runs the compiler, the recipes and the Python inside the file, which its maker chose',
    hint: `add --key PUBLIC_KEY if it is signed, or --trust if you know where it comes from`,
  });
}

function notShutIn({ bundle, version, revision }: Manifest, why: string | undefined): KsbundleError {
  return new KsbundleError({
    code: 'KSB_REBUILD_OPEN',
    exitCode: ExitCode.hostTool,
    message: `the recipes of ${bundle} ${version}-${revision} cannot be isolated on this machine, so they were not run`,
    ...(why === undefined ? {} : { why }),
    hint: 'allow user namespaces for this account, or rebuild as root; or add --trust to run them with all rights of this account',
  });
}

function withoutRecipes({ bundle, version, revision }: Manifest): KsbundleError {
  return new KsbundleError({
    code: 'KSB_RELEASE_WITHOUT_RECIPES',
    exitCode: ExitCode.failed,
    message: `${bundle} ${version}-${revision} cannot be rebuilt: it does not contain its recipe`,
    hint: 'build it with the ksbundle version and the recipes that built it',
  });
}
