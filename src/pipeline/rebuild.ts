import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { recoverProject } from '../assemble/recover.ts';
import { compareReleases } from '../domain/comparison.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Manifest } from '../domain/manifest.ts';
import { parsePlatform } from '../domain/platform.ts';
import type { RebuildResult } from '../domain/results.ts';
import { hashWithoutLeadingFile, unpackArchive } from '../io/archive.ts';
import { removeTree } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { readManifestFromTarball } from '../pack/inspect.ts';
import { compareBuilders, parseStatement, provenanceFile } from '../pack/provenance.ts';
import { verifyTarball } from '../pack/verify.ts';
import { loadRecipes } from '../recipe/load.ts';
import { buildBundle } from './build.ts';
import { openContext, type Context } from './context.ts';
import { explainFiles } from './explain-files.ts';

export interface RebuildOptions {
  /** Directory that the rebuilt tarball is left in; it goes away again unless told. */
  readonly out?: string | undefined;
}

/**
 * Builds a release tarball again, from the recipes, the lockfile and the installer inside it, and compares. Sources and wheels
 * come through the context; nothing else that was made before is used: components, compiler and release are made anew in a
 * store of their own. Throws what `verifyTarball` and `buildBundle` do, and `KSB_RELEASE_WITHOUT_RECIPES`.
 */
export async function rebuildTarball(
  context: Context,
  tarball: string,
  options: RebuildOptions = {},
): Promise<RebuildResult> {
  refuseToReplace(tarball, options.out);
  const { release: name } = await verifyTarball(tarball, { signal: context.signal });
  const manifest = await readManifestFromTarball(tarball);
  const parent = path.join(context.cacheDirectory, 'work');
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(path.join(parent, 'rebuild-'));
  let keep = false;
  try {
    const original = path.join(directory, 'original');
    await unpackArchive(tarball, original, { strip: 1, signal: context.signal });
    const out = options.out ?? path.join(directory, 'out');
    const { tarball: rebuilt } = await buildAgain(context, { original, manifest, directory, out });
    const [sha256, rebuiltSha256] = [
      await hashWithoutLeadingFile(tarball),
      await hashWithoutLeadingFile(rebuilt),
    ];
    const { parts, files } = compareReleases(manifest, await readManifestFromTarball(rebuilt));
    const [before, after] = await Promise.all([tarball, rebuilt].map(readStatement));
    const again = path.join(directory, 'again');
    if (files.length > 0) await unpackArchive(rebuilt, again, { strip: 1, signal: context.signal });
    return {
      release: name,
      identical: sha256 === rebuiltSha256,
      sha256,
      rebuiltSha256,
      ...(options.out === undefined ? {} : { rebuilt }),
      ...(before === undefined || after === undefined ? {} : { builders: compareBuilders(before, after) }),
      parts,
      files: await explainFiles(files, { original, again, signal: context.signal }),
    };
  } catch (error) {
    // Its message tells where to look.
    keep = error instanceof KsbundleError && error.facts.code === 'KSB_BUILD_FAILED';
    throw error;
  } finally {
    if (!keep) await removeTree(directory);
  }
}

interface Again {
  /** The release, unpacked. */
  readonly original: string;
  readonly manifest: Manifest;
  /** Directory for everything that is made. */
  readonly directory: string;
  readonly out: string;
}

async function buildAgain(context: Context, { original, manifest, directory, out }: Again) {
  const project = await recoverProject(original, { manifest, directory: path.join(directory, 'project') });
  if (project === undefined) throw withoutRecipes(manifest);
  const platform = parsePlatform(manifest.platform) ?? context.platform;
  const own = await openContext({
    ...context,
    platform,
    cacheDirectory: directory,
    outDirectory: out,
    recipesDirectory: project.recipes,
    lockfilesDirectory: project.lockfiles,
  });
  const { bundles } = await loadRecipes(project.recipes, platform);
  const bundle = [...bundles.values()].find(
    ({ product, version, revision }) =>
      product === manifest.bundle && version === manifest.version && revision === manifest.revision,
  );
  if (bundle === undefined) throw withoutRecipes(manifest);
  // Sources are pinned by their digests, so they may come from the user's store; what was built may not.
  const store = { ...own.store, times: context.store.times };
  return buildBundle({ ...own, store, fetch: context.fetch }, bundle.name);
}

/** The rebuilt tarball has the name of the given one, unless somebody renamed that. */
function refuseToReplace(tarball: string, out: string | undefined): void {
  if (out === undefined || path.resolve(out) !== path.dirname(path.resolve(tarball))) return;
  throw new KsbundleError({
    code: 'KSB_BAD_VALUE',
    exitCode: ExitCode.usage,
    message: `${path.basename(tarball)} lies in ${out}, where the rebuilt tarball would take its place`,
    hint: 'give another directory to --out',
  });
}

async function readStatement(tarball: string) {
  const text = await ifThere(readFile(provenanceFile(tarball), 'utf8'));
  return text === undefined ? undefined : parseStatement(text);
}

function withoutRecipes({ bundle, version, revision }: Manifest): KsbundleError {
  return new KsbundleError({
    code: 'KSB_RELEASE_WITHOUT_RECIPES',
    exitCode: ExitCode.failed,
    message: `${bundle} ${version}-${revision} cannot be rebuilt: the recipe that it was built from is not in it`,
    hint: 'build it with the ksbundle and the recipes of its time',
  });
}
