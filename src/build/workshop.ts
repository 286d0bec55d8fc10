import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { asTask, type Emit } from '../domain/events.ts';
import { formatPlatform, type Architecture, type Platform } from '../domain/platform.ts';
import { quoteForShell } from '../domain/quote-for-shell.ts';
import type { Source, Toolchain } from '../domain/recipe.ts';
import { directoriesOf, type Confinement } from '../io/confinement.ts';
import { writeFileAtomically } from '../io/files.ts';
import { withLock } from '../io/lock.ts';
import { toolchainKey } from './key.ts';
import { prepareToolchain } from './toolchain.ts';
import { linkTools, type Tool } from './tools.ts';

const TASK = 'build:toolchain';

/** The environment that all builds of a run share. */
export interface Workshop {
  /** The toolchain's directory. */
  readonly toolchain: string;
  /** The host's tools and, in a cross build, the compiler for the build machine. */
  readonly programs: readonly Tool[];
  /** Directory of links to them. */
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

/** Builds for the platform, and for the build machine: the same, unless it is a cross build. */
export interface Workshops {
  readonly target: Workshop;
  readonly native: Workshop;
}

/** Prepares compilers and directories of tools; throws what preparing a compiler throws. */
export async function openWorkshops(options: WorkshopOptions): Promise<Workshops> {
  const { platform, buildArch } = options;
  const native = await openWorkshop({ ...options, platform: { ...platform, arch: buildArch } });
  if (platform.arch === buildArch) return { target: native, native };
  const compiler = await buildCompiler(options, native);
  const target = await openWorkshop({ ...options, tools: [...options.tools, compiler] });
  return { native, target: { ...target, readable: [...target.readable, native.toolchain] } };
}

/** Name of the compiler for the build machine in PATH, in a cross build. */
const BUILD_COMPILER = 'build-cc';

/**
 * Writes the compiler driver of programs that steps of a cross build run: the toolchain's own, which gets another target
 * and its objects, and sees no inputs.
 */
async function buildCompiler(
  { directory, platform, buildArch }: WorkshopOptions,
  { toolchain }: Workshop,
): Promise<Tool> {
  const place = `${BUILD_COMPILER}-${path.basename(toolchain)}`;
  const file = path.join(directory, 'work', place, BUILD_COMPILER);
  const environment = {
    KSB_TARGET: formatPlatform({ ...platform, arch: buildArch }),
    KSB_OBJECTS: path.join(toolchain, 'objects'),
    KSB_INPUTS: toolchain,
  };
  const words = Object.entries(environment).map(([name, value]) => `${name}=${quoteForShell(value)}`);
  await writeFileAtomically(file, `#!/bin/sh\n${words.join(' ')} exec cc "$@"\n`, { mode: 0o755 });
  return { name: BUILD_COMPILER, path: file };
}

async function openWorkshop(options: WorkshopOptions): Promise<Workshop> {
  const { directory, toolchain, tools, platform, emit, signal } = options;
  const work = path.join(directory, 'work');
  await mkdir(work, { recursive: true });
  refuseSpaces(directory);
  // A toolchain contains objects for its target.
  const isCross = platform.arch !== options.buildArch;
  const task = isCross ? `${TASK}:${platform.arch}` : TASK;
  const key = toolchainKey(toolchain, options.buildArch);
  const prepared = await asTask(
    options,
    { task, title: `${toolchain.name} ${toolchain.version}${isCross ? ` for ${platform.arch}` : ''}` },
    async () => ({
      outcome: 'done',
      value: await withLock(
        path.join(directory, 'locks', isCross ? `${key}-${platform.arch}` : key),
        () =>
          prepareToolchain({
            toolchain,
            key,
            platform,
            directory: path.join(directory, 'toolchains', isCross ? platform.arch : ''),
            confinement: options.confinement,
            archive: () => options.fetchSource(toolchainSource(toolchain, options.buildArch)),
            onStep: (step) => emit({ type: 'task-step', task, step }),
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
  return { toolchain: prepared, programs: tools, tools: linked, confinement: options.confinement, readable };
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
