import { lstat, mkdir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import { CONFINEMENT_SCRIPT } from './confinement-script.ts';
import { ifThere } from './if-there.ts';
import { run, type RunOptions, type RunResult } from './process.ts';

/** A program with its whole environment, and its absolute start directory. */
export interface Command {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
}

/** Absolute paths that a confined program can read, besides the system's programs and libraries. */
export interface View {
  readonly readable: readonly string[];
  /** Directories that it can read and write. */
  readonly writable: readonly string[];
}

/** How far programs can be confined on this machine. */
export interface Confinement {
  /**
   * `full`: no network and no other processes; from the file system, only the system's programs and libraries
   * (read-only) and the view; no rights beyond those of the account. `network`: no network. `none`: no confinement.
   */
  readonly level: 'full' | 'network' | 'none';
  /** Why it is not `full`. */
  readonly why?: string;
  /** The command that runs the program confined. */
  readonly enter: (command: Command, view: View) => Command;
}

/** The programs that confinement needs. */
const CONFINEMENT_PROGRAMS = [
  'unshare',
  'mount',
  'umount',
  'pivot_root',
  'setpriv',
  'env',
  'sh',
  'mkdir',
  'ln',
] as const;

export interface ConfinementOptions {
  /** Absolute paths of those `CONFINEMENT_PROGRAMS` that the host has, by name. */
  readonly programs: ReadonlyMap<string, string>;
  /** Empty directory for the root of confined programs, created if needed. On the host it remains empty. */
  readonly root: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Parts of the system that every program can read, if they exist: programs, libraries, and the loader's configuration.
 */
const SYSTEM = [
  '/bin',
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/gnu/store',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/nix/store',
  '/sbin',
  '/usr',
];
const DEVICES = ['full', 'null', 'ptmx', 'random', 'tty', 'urandom', 'zero'].map((name) => `/dev/${name}`);

/** Confines nothing. */
export const UNCONFINED: Confinement = { level: 'none', enter: (command) => command };

/** Finds out how far programs can be confined here, by trying it. */
export async function openConfinement(options: ConfinementOptions): Promise<Confinement> {
  const { programs, root, signal } = options;
  const unshare = programs.get('unshare');
  if (unshare === undefined) return { ...UNCONFINED, why: 'there is no unshare' };
  const user = process.getuid?.() === 0 ? [] : ['-U', '-r'];
  const missing = CONFINEMENT_PROGRAMS.filter((name) => !programs.has(name));
  let why = `there is no ${missing.join(', ')}`;
  if (missing.length === 0) {
    await mkdir(root, { recursive: true });
    const system = await findSystem();
    const full: Confinement = {
      level: 'full',
      enter: (command, view) => enter(command, { ...options, ...system, user, view }),
    };
    const probe = await runConfined(full, PROBE, { signal });
    if (probe.exitCode === 0) return full;
    why = probe.stderr.trim().split('\n')[0] ?? '';
  }
  const prefix = [unshare, ...user, '-n'];
  const network: Confinement = {
    level: 'network',
    why,
    enter: (command) => ({ ...command, argv: [...prefix, ...command.argv] }),
  };
  const probe = await runConfined(network, PROBE, { signal });
  if (probe.exitCode === 0) return network;
  return { ...UNCONFINED, why: probe.stderr.trim().split('\n')[0] ?? why };
}

const PROBE = {
  argv: ['sh', '-c', ':'],
  environment: { PATH: '/usr/bin:/bin' },
  directory: '/',
  view: { readable: [], writable: [] },
};

/** Runs a program, confined as far as possible; see `run`. */
export async function runConfined(
  confinement: Confinement,
  { view, ...command }: Command & { readonly view: View },
  options: Omit<RunOptions, keyof Command> = {},
): Promise<RunResult> {
  const { argv, environment, directory } = confinement.enter(command, view);
  return run(argv, { ...options, environment, directory });
}

interface System {
  /** Path and target. */
  readonly links: readonly (readonly [string, string])[];
  readonly paths: readonly string[];
}

async function findSystem(): Promise<System> {
  const links: (readonly [string, string])[] = [];
  const paths: string[] = [];
  for (const file of [...SYSTEM, ...DEVICES]) {
    const status = await ifThere(lstat(file));
    if (status === undefined) continue;
    if (status.isSymbolicLink()) links.push([file, await readlink(file)]);
    else paths.push(file);
  }
  return { links, paths };
}

interface EnterOptions extends ConfinementOptions, System {
  readonly user: readonly string[];
  readonly view: View;
}

function enter({ argv, environment, directory }: Command, options: EnterOptions): Command {
  const { programs, root, user, links, paths, view } = options;
  // If a later mount hides a mount, the hidden one can no longer be made read-only.
  const seen = [...paths, ...view.writable];
  const readable = [...new Set([...paths, ...view.readable.filter((file) => !isBelow(file, seen))])].sort();
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const program = (name: string): string => programs.get(name) ?? name;
  const namespaces = ['-m', '-p', '-n', '-i', '-f', '--kill-child'];
  const script = [program('sh'), '-c', CONFINEMENT_SCRIPT, 'sh', root, directory];
  const lists = [links.flat(), readable, [...view.writable].sort()].flatMap((list) => [...list, '--']);
  return {
    argv: [program('unshare'), ...user, ...namespaces, ...script, ...lists, ...variables, ...argv],
    environment: { PATH: [...new Set([...programs.values()].map((file) => path.dirname(file)))].join(':') },
    directory: '/',
  };
}

function isBelow(file: string, directories: readonly string[]): boolean {
  return directories.some((directory) => file === directory || file.startsWith(`${directory}/`));
}

/** The directories that a confined program must see to run these programs, which may be links to other directories. */
export async function directoriesOf(programs: readonly string[]): Promise<readonly string[]> {
  const files = await Promise.all(programs.map(async (file) => [file, await realpath(file)]));
  return [...new Set(files.flat().map((file) => path.dirname(file)))];
}
