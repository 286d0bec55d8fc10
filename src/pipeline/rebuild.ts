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
  /** Directory that the rebuilt tarball is left in; it goes away again by default. */
  readonly out?: string | undefined;
  /** Absolute paths of the public keys that must have signed `file`, each of them. */
  readonly keys?: readonly string[];
  /** Whether to run the recipes inside with all rights of this account, without a signature check. */
  readonly trust?: boolean | undefined;
}

/**
 * Builds a release tarball again, from the recipes, the lockfile and the installer inside it, and compares. Sources and wheels
 * come through the context, or from the escrow archive if `file` is one, and then from nowhere else. Nothing else that was made
 * before is used: components, compiler and release are made anew in a store of their own. It runs programs that whoever made the file
 * chose: only if the key's owner signed it, and then shut in, or if the caller trusts it. Throws what `verifyTarball` and
 * `buildBundle` do, `KSB_REBUILD_UNTRUSTED`, `KSB_REBUILD_OPEN`, and `KSB_RELEASE_WITHOUT_RECIPES`.
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
    // Its message tells where to look.
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
  // What is signed of an escrow archive is the archive; the tarball in it never is.
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

/** Copies a file, and the signatures that lie beside it, into a new directory; its path there. */
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
  /** Directory for everything that is made, but for the tarball. */
  readonly directory: string;
  readonly out: string;
  /** Directory that all sources are in; they come through the context if there is none. */
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
  // Sources are pinned by their digests, so they may come from the user's store; what was built may not.
  const fetch = sources === undefined ? context.fetch : own.fetch;
  return buildBundle({ ...own, store, fetch }, bundle.name, { withSources: sources !== undefined });
}

/** The rebuilt tarball has the name of the given one, unless somebody renamed that. */
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
    message: `the recipes of ${bundle} ${version}-${revision} cannot be isolated on this machine, so they are not run`,
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
