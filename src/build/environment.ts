import path from 'node:path';
import { PLACEHOLDER_RPATH, SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import { formatPlatform, type Platform } from '../domain/platform.ts';

/** The directories of one component's build, all below `work`, and two files. */
export interface WorkDirectories {
  readonly work: string;
  /** Unpacked sources; steps start here. */
  readonly source: string;
  /** Staged files of the inputs, as one prefix: `include`, `lib`, `bin`. */
  readonly inputs: string;
  /** DESTDIR of the install steps. */
  readonly dest: string;
  readonly home: string;
  readonly temporary: string;
  /** Beside `work`, so that no step can replace it by a link. */
  readonly log: string;
  /** Script that opens a shell in the environment of a step; also beside `work`. */
  readonly entry: string;
}

export function workDirectories(work: string): WorkDirectories {
  return {
    work,
    source: path.join(work, 'source'),
    inputs: path.join(work, 'inputs'),
    dest: path.join(work, 'dest'),
    home: path.join(work, 'home'),
    temporary: path.join(work, 'tmp'),
    log: `${work}.log`,
    entry: `${work}.enter.sh`,
  };
}

export interface EnvironmentFacts {
  readonly platform: Platform;
  readonly directories: WorkDirectories;
  /** The toolchain's directory, see toolchain.ts. */
  readonly toolchain: string;
  /** Directory with links to the host's tools and nothing else. */
  readonly tools: string;
}

/**
 * The complete environment of a build step, which inherits nothing from the caller. The compiler wrapper
 * (recipes/zig/cc) reads `KSB_*`; build tools find the wrapper only through PATH, so that they record no absolute
 * path.
 */
export function stepEnvironment(facts: EnvironmentFacts): Record<string, string> {
  const { directories, toolchain } = facts;
  return {
    PATH: `${path.join(toolchain, 'bin')}:${facts.tools}`,
    HOME: directories.home,
    TMPDIR: directories.temporary,
    SHELL: '/bin/sh',
    LC_ALL: 'C',
    TZ: 'UTC',
    SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH),
    PYTHONDONTWRITEBYTECODE: '1',
    CC: 'cc',
    CXX: 'c++',
    AR: 'ar',
    RANLIB: 'ranlib',
    LD_LIBRARY_PATH: path.join(directories.inputs, 'lib'),
    ...compilerEnvironment({ platform: facts.platform, toolchain, directories }),
  };
}

/** Variables for the compiler wrapper. */
export function compilerEnvironment(facts: {
  readonly platform: Platform;
  readonly toolchain: string;
  readonly directories: Pick<WorkDirectories, 'work' | 'inputs'>;
}): Record<string, string> {
  return {
    SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH),
    KSB_ZIG: path.join(facts.toolchain, 'zig', 'zig'),
    KSB_TARGET: formatPlatform(facts.platform),
    KSB_OBJECTS: path.join(facts.toolchain, 'objects'),
    KSB_RPATH: PLACEHOLDER_RPATH,
    KSB_INPUTS: facts.directories.inputs,
    KSB_WORK: facts.directories.work,
    ZIG_GLOBAL_CACHE_DIR: path.join(facts.toolchain, 'cache'),
    ZIG_LOCAL_CACHE_DIR: path.join(facts.directories.work, 'zig-cache'),
  };
}
