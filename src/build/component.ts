import { cp, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Emit } from '../domain/events.ts';
import { PLACEHOLDER_PREFIX, SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import { formatPlatform, type Architecture, type Platform } from '../domain/platform.ts';
import type { Component, Source } from '../domain/recipe.ts';
import { expandVariables } from '../domain/variables.ts';
import { hostileArchive, packTree, unpackArchive } from '../io/archive.ts';
import { runConfined, type Confinement, type View } from '../io/confinement.ts';
import {
  findLink,
  isByteCodeCache,
  listTree,
  mergeTree,
  removeTree,
  withTemporaryDirectory,
} from '../io/files.ts';
import { replaceInText } from '../io/text.ts';
import { collectInstalled } from './artifact.ts';
import { stepEnvironment, workDirectories, type WorkDirectories } from './environment.ts';
import { runSteps } from './steps.ts';

export interface ComponentBuild {
  readonly component: Component;
  readonly platform: Platform;
  /** Architecture of this machine. */
  readonly buildArch: Architecture;
  /** Processes that one step may use. */
  readonly jobs: number;
  /** Work directory of this build only; kept if the build fails, for inspection. */
  readonly work: string;
  readonly toolchain: string;
  readonly tools: string;
  readonly confinement: Confinement;
  /** Directories that steps can read besides their own. */
  readonly readable: readonly string[];
  /** Artifacts of all inputs, direct and indirect. */
  readonly inputs: readonly string[];
  readonly fetchSource: (source: Source) => Promise<string>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Builds one component and writes its artifact, a deterministic tar of its installed files, to `artifact`. Returns their paths. */
export async function buildComponent(build: ComponentBuild, artifact: string): Promise<readonly string[]> {
  const { component, platform, signal } = build;
  const directories = workDirectories(build.work);
  for (const left of [build.work, directories.log, directories.entry]) await removeTree(left);
  for (const name of ['source', 'inputs', 'dest', 'home', 'temporary'] as const) {
    await mkdir(directories[name], { recursive: true });
  }
  await stageInputs(build, directories);
  await unpackSources(build, directories);
  const view: View = {
    readable: build.readable,
    writable: [build.work, path.join(build.toolchain, 'cache')],
  };
  await applyPatches(build, { directories, view });
  const files = await copyRecipeFiles(component, directories);

  const environment = stepEnvironment({
    platform,
    directories,
    toolchain: build.toolchain,
    tools: build.tools,
  });
  const variables = stepVariables(build, directories, files);
  await runSteps(component.steps, {
    component: component.name,
    directories,
    environment: {
      ...environment,
      ...Object.fromEntries(
        Object.entries(component.environment).map(([name, value]) => [
          name,
          expandVariables(value, variables),
        ]),
      ),
    },
    variables,
    confinement: build.confinement,
    view,
    emit: build.emit,
    signal,
  });
  const installed = await collectInstalled(component, { ...build, directories });
  await packTree(installed, artifact, { signal });
  const entries = (await listTree(installed)).filter(({ kind }) => kind !== 'directory');
  for (const left of [build.work, directories.log, directories.entry]) await removeTree(left);
  return entries.map((entry) => entry.path);
}

function stepVariables(
  build: ComponentBuild,
  directories: WorkDirectories,
  files: string,
): Readonly<Record<string, string>> {
  return {
    prefix: PLACEHOLDER_PREFIX,
    dest: directories.dest,
    inputs: directories.inputs,
    source: directories.source,
    recipe: files,
    work: directories.work,
    jobs: String(build.jobs),
    target: formatPlatform(build.platform),
    arch: build.platform.arch,
    'build-arch': build.buildArch,
    toolchain: path.join(build.toolchain, 'zig'),
    version: build.component.version,
    epoch: String(SOURCE_DATE_EPOCH),
  };
}

/** Unpacks the inputs into one prefix, and replaces the placeholder by it in their configuration scripts. */
async function stageInputs(build: ComponentBuild, directories: WorkDirectories): Promise<void> {
  for (const name of ['include', 'lib', 'bin']) await mkdir(path.join(directories.inputs, name));
  for (const artifact of build.inputs) {
    await withTemporaryDirectory(directories.temporary, async (temporary) => {
      const tree = path.join(temporary, 'tree');
      await unpackArchive(artifact, tree, { signal: build.signal });
      await mergeTree(tree, directories.inputs);
    });
  }
  await replaceInText(directories.inputs, [{ from: PLACEHOLDER_PREFIX, to: directories.inputs }]);
}

async function unpackSources(build: ComponentBuild, directories: WorkDirectories): Promise<void> {
  for (const source of build.component.sources) {
    const archive = await build.fetchSource(source);
    const destination = path.join(directories.source, source.into);
    const link = await findLink(directories.source, source.into);
    if (link !== undefined)
      throw hostileArchive(
        path.basename(archive),
        link,
        `is a symbolic link in the path ${source.into}, where a source is unpacked`,
      );
    const name = `${build.component.name}: ${source.archives.map(({ file }) => file).join(' or ')}`;
    const { confinement, signal } = build;
    await unpackArchive(archive, destination, { name, strip: source.strip, confinement, signal });
  }
}

async function applyPatches(
  build: ComponentBuild,
  { directories, view }: { readonly directories: WorkDirectories; readonly view: View },
): Promise<void> {
  for (const patch of build.component.patches) {
    const command = {
      argv: ['patch', '-p1', '--batch', '--forward', '--no-backup-if-mismatch'],
      directory: path.join(directories.source, patch.into),
      environment: { PATH: build.tools, LC_ALL: 'C', TMPDIR: directories.temporary },
    };
    const input = await readFile(patch.path);
    const result = await runConfined(
      build.confinement,
      { ...command, view },
      { input, signal: build.signal },
    );
    if (result.exitCode === 0) continue;
    throw new KsbundleError({
      code: 'KSB_PATCH_FAILED',
      exitCode: ExitCode.failed,
      message: `${build.component.name}: the patch ${patch.file} does not apply to ${build.component.version}`,
      place: { file: patch.path },
      details: `${result.stdout}\n${result.stderr}`.trim().split('\n'),
      hint: 'update the patch for this version, or remove it from the recipe if upstream applied it',
    });
  }
}

/** Copies the recipe's files for the steps, so that no path of the repository gets into their results. */
async function copyRecipeFiles(component: Component, directories: WorkDirectories): Promise<string> {
  const target = path.join(directories.work, 'recipe');
  await mkdir(target);
  for (const { file, path: from } of component.files) {
    await cp(from, path.join(target, file), { recursive: true, filter: (name) => !isByteCodeCache(name) });
  }
  return target;
}
