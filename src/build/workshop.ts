import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { asTask, type Emit } from '../domain/events.ts';
import type { Architecture, Platform } from '../domain/platform.ts';
import type { Source, Toolchain } from '../domain/recipe.ts';
import { directoriesOf, type Confinement } from '../io/confinement.ts';
import { withLock } from '../io/lock.ts';
import { toolchainKey } from './key.ts';
import { prepareToolchain } from './toolchain.ts';
import { linkTools, type Tool } from './tools.ts';

const TASK = 'build:toolchain';

/** The environment that all builds of a run share. */
export interface Workshop {
  /** The toolchain's directory. */
  readonly toolchain: string;
  /** Directory of links to the host's tools. */
  readonly tools: string;
  readonly confinement: Confinement;
  /** Directories that steps can read besides their own: those of the compiler and of the tools. */
  readonly readable: readonly string[];
}

export interface WorkshopOptions {
  readonly toolchain: Toolchain;
  readonly platform: Platform;
  readonly buildArch: Architecture;
  /** Directory for toolchains and work in progress. */
  readonly directory: string;
  readonly fetchSource: (source: Source) => Promise<string>;
  /** The host's tools, which are all that a build sees of the host. */
  readonly tools: readonly Tool[];
  /** The confinement of steps. */
  readonly confinement: Confinement;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Prepares the compiler and the directory of tools; throws what preparing the compiler throws. */
export async function openWorkshop(options: WorkshopOptions): Promise<Workshop> {
  const { directory, toolchain, tools, emit, signal } = options;
  const work = path.join(directory, 'work');
  await mkdir(work, { recursive: true });
  refuseSpaces(directory);
  const key = toolchainKey(toolchain, options.buildArch);
  const prepared = await asTask(
    options,
    { task: TASK, title: `${toolchain.name} ${toolchain.version}` },
    async () => ({
      outcome: 'done',
      value: await withLock(
        path.join(directory, 'locks', key),
        () =>
          prepareToolchain({
            toolchain,
            key,
            platform: options.platform,
            directory: path.join(directory, 'toolchains'),
            confinement: options.confinement,
            archive: () => options.fetchSource(toolchainSource(toolchain, options.buildArch)),
            onStep: (step) => emit({ type: 'task-step', task: TASK, step }),
            signal,
          }),
        { signal },
      ),
    }),
  );
  // A directory that a step may write to must exist.
  await mkdir(path.join(prepared, 'cache'), { recursive: true });
  const linked = await linkTools(work, tools);
  const readable = [prepared, linked, ...(await directoriesOf(tools.map((tool) => tool.path)))];
  return { toolchain: prepared, tools: linked, confinement: options.confinement, readable };
}

/** Makefiles and configure scripts cannot quote the directories they work in. */
function refuseSpaces(directory: string): void {
  if (/^[\w@%+=:,./-]+$/.test(directory)) return;
  throw new KsbundleError({
    code: 'KSB_CACHE_PATH_UNFIT',
    exitCode: ExitCode.usage,
    message: `cannot build below ${directory}`,
    why: 'upstream build systems break in directories with spaces or special characters in their names',
    hint: 'choose another directory: --cache DIR, or KSBUNDLE_CACHE=DIR',
  });
}

function toolchainSource(toolchain: Toolchain, buildArch: Architecture): Source {
  const source = toolchain.sources[buildArch];
  if (source !== undefined) return source;
  throw new KsbundleError({
    code: 'KSB_BUILD_MACHINE_UNSUPPORTED',
    exitCode: ExitCode.failed,
    message: `${toolchain.name} has no compiler for ${buildArch} machines`,
    place: { file: toolchain.origin.file },
    hint: `build on ${Object.keys(toolchain.sources).join(' or ')}, or add [source.${buildArch}] to the recipe`,
  });
}
