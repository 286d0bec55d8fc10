import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setImmediate } from 'node:timers/promises';
import { removeTree } from '../../../src/io/files.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import { debianRoot, foreignRoot, type DebianSuite } from './debian-root.ts';

export interface ExecuteOptions {
  /** Additions to a bare environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Milliseconds; five minutes by default. */
  readonly timeout?: number;
  /** Program and arguments that run the command on the host's side, for example strace. */
  readonly wrapper?: readonly string[];
}

type NetworkOptions = Pick<ExecuteOptions, 'input' | 'timeout'>;

/** A system with separate processes, mounts and an isolated network. */
export interface Machine {
  /** The host's path of its root directory. */
  readonly root: string;
  /** Runs a command in it. Never throws for a failing one. */
  readonly execute: (argv: readonly string[], options?: ExecuteOptions) => Promise<RunResult>;
  /** Runs a program of the host in the machine's network only. */
  readonly executeInNetwork: (argv: readonly string[], options?: NetworkOptions) => Promise<RunResult>;
  /** Its processes, by the host's ids, without the first. */
  readonly processes: () => Promise<MachineProcess[]>;
  /** Ends all its processes and removes it. */
  readonly destroy: () => Promise<void>;
}

/** A machine that any program of the host can enter. */
export interface OpenMachine extends Machine {
  /** Program and arguments that run a command in it, with a bare environment. */
  readonly entry: readonly string[];
  /** Program and arguments that run a program of the host in its network only. */
  readonly network: readonly string[];
}

export interface MachineProcess {
  /** As the host knows it. */
  readonly pid: number;
  readonly name: string;
  /** As the machine knows it: absolute path of the program. */
  readonly program: string;
}

const MACHINE_SCRIPT = path.join(import.meta.dirname, 'machine-init.sh');
const BARE_SCRIPT = path.join(import.meta.dirname, 'bare-init.sh');
const EMULATED_SCRIPT = path.join(import.meta.dirname, 'emulated-init.sh');
const CELL_SCRIPT = path.join(import.meta.dirname, 'cell-init.sh');
/** Of every command that is run in a machine. */
export const ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
};
const TIMEOUT = 300_000;

/**
 * Starts a machine with a fresh copy of the suite's system, optional packages, and addresses on a separate
 * interface, or in the network of another machine.
 */
export async function startMachine(
  suite: DebianSuite,
  network: readonly string[] | OpenMachine,
  packages: readonly string[] = [],
): Promise<OpenMachine> {
  return startOn(await debianRoot(suite, packages), suite, { network });
}

/** The same with the system for arm64, whose programs qemu runs: slow. Needs qemu-user-static. */
export async function startEmulated(suite: DebianSuite, addresses: readonly string[]): Promise<OpenMachine> {
  const pattern = await foreignRoot(suite, async (argv) => {
    const bare = await enterNamespaces([BARE_SCRIPT], { isEmulated: true });
    try {
      return await bare.execute(argv, { timeout: 3 * TIMEOUT });
    } finally {
      await bare.destroy();
    }
  });
  return startOn(pattern, suite, { network: addresses, isEmulated: true });
}

interface StartOptions {
  readonly network: readonly string[] | OpenMachine;
  readonly isEmulated?: boolean;
}

async function startOn(
  pattern: string,
  suite: DebianSuite,
  { network, isEmulated = false }: StartOptions,
): Promise<OpenMachine> {
  const directory = await mkdtemp(path.join(os.tmpdir(), `ksbundle-${suite}-`));
  const root = path.join(directory, 'root');
  const copied = await run(['cp', '-a', '--reflink=auto', pattern, root]);
  if (copied.exitCode !== 0) throw new Error(`cannot copy ${pattern}: ${copied.stderr}`);
  const machine = await ('root' in network
    ? enterNamespaces([MACHINE_SCRIPT, root], { isEmulated, network: network.network })
    : enterNamespaces([MACHINE_SCRIPT, root, ...network], { isEmulated }));
  return {
    ...machine,
    root,
    destroy: async () => {
      await machine.destroy();
      await removeTree(directory);
    },
  };
}

/** Directories of a cell's files, and of those written in it. */
export const CELL = { site: '/mnt/site', written: '/mnt/own/written' };

export interface CellOptions {
  /** The host's directory with the releases. */
  readonly releases: string;
  /** The host's directory with a copy of files written in another cell. */
  readonly image?: string | undefined;
  /** Limit of written bytes, in the form of mount(8). */
  readonly size?: string | undefined;
}

/**
 * Starts a cell: a machine with the host's system, and the releases at `CELL.site`, where writes go to a tmpfs. It
 * starts at once and needs no disk; its programs see and could write the host's files, so it is only for the installer.
 */
export async function startCell({ releases, image = '', size = '100m' }: CellOptions): Promise<Machine> {
  return enterNamespaces([CELL_SCRIPT, releases, size, image]);
}

interface NamespaceOptions {
  readonly isEmulated?: boolean;
  /** Program and arguments that enter a network; a new one by default. */
  readonly network?: readonly string[];
}

/** Starts a script as the first process of new namespaces; it prints "ready", and ends with its input. */
async function enterNamespaces(
  script: readonly string[],
  { isEmulated = false, network = ['unshare', '--net'] }: NamespaceOptions = {},
): Promise<OpenMachine> {
  const own = ['--mount', '--pid'];
  const users = isEmulated ? await sameUsers() : undefined;
  const scripts = [...(isEmulated ? [EMULATED_SCRIPT, 'bash'] : []), ...script];
  const command = [...network, 'unshare', ...own, '--fork', '--kill-child', 'bash', ...scripts];
  const [program = '', ...parameters] = [...(users?.entry ?? []), ...command];
  const holder = spawn(program, parameters, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: ENVIRONMENT,
  });
  const ended = once(holder, 'exit');
  const lines = createInterface(holder.stdout);
  const ready = await Promise.race([once(lines, 'line'), ended]);
  // A namespace lasts as long as a process in it.
  users?.release();
  if (ready[0] !== 'ready') throw new Error('the test machine does not start');
  const first = await onlyChild(holder.pid ?? 0);
  const space = await readlink(`/proc/${first}/ns/pid`);

  const enter = [
    'nsenter',
    '--target',
    String(first),
    ...(isEmulated ? ['--user'] : []),
    '--net',
    ...own,
    '--root',
    '--wd',
  ];
  const entry = [...enter, 'env', '-i', ...assignments(ENVIRONMENT)];

  return {
    root: `/proc/${first}/root`,
    entry,
    network: networkOf(first),
    execute: (argv, { environment = {}, input, timeout = TIMEOUT, wrapper = [] } = {}) =>
      run([...wrapper, ...entry, ...assignments(environment), ...argv], {
        timeout,
        ...(input === undefined ? {} : { input }),
      }),
    executeInNetwork: (argv, options) => runInNetwork(first, argv, options),
    processes: () => processesIn(space, first),
    destroy: async () => {
      holder.stdin.end();
      await ended;
    },
  };
}

/** A user namespace with this machine's users: how to enter it, and how to let go of it. */
async function sameUsers(): Promise<{ readonly entry: readonly string[]; readonly release: () => void }> {
  const holder = spawn('unshare', ['--user', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const inHolder = (name: string): string => `/proc/${holder.pid}/${name}`;
  const outside = await readlink('/proc/self/ns/user');
  while ((await readlink(inHolder('ns/user'))) === outside) await setImmediate();
  for (const map of ['uid_map', 'gid_map']) await writeFile(inHolder(map), '0 0 65536');
  return { entry: ['nsenter', `--user=${inHolder('ns/user')}`], release: () => holder.stdin.end() };
}

function assignments(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}

/** Runs a program of the host in the network of a process. */
export async function runInNetwork(
  pid: number,
  argv: readonly string[],
  options: NetworkOptions = {},
): Promise<RunResult> {
  return run([...networkOf(pid), ...argv], { timeout: TIMEOUT, ...options });
}

function networkOf(pid: number): string[] {
  return ['nsenter', '--target', String(pid), '--net'];
}

/** The only child of a process, by the host's ids. */
export async function onlyChild(parent: number): Promise<number> {
  for (const entry of await readdir('/proc')) {
    const stat = /^\d+$/.test(entry) ? await readStat(entry) : undefined;
    if (stat?.parent === parent) return Number(entry);
  }
  throw new Error('the test machine has no first process');
}

/** The processes of a process name space, without its first. */
export async function processesIn(space: string, first: number): Promise<MachineProcess[]> {
  const found: MachineProcess[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === first) continue;
    const [stat, namespace, program] = await Promise.all([
      readStat(entry),
      readlink(`/proc/${entry}/ns/pid`).catch(() => ''),
      readlink(`/proc/${entry}/exe`).catch(() => ''),
    ]);
    if (stat !== undefined && namespace === space)
      found.push({ pid: Number(entry), name: stat.name, program });
  }
  return found;
}

/** Kills processes; those that have ended meanwhile are left out. */
export function killAll(processes: readonly MachineProcess[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Name and parent of a process; see proc(5). Undefined if it is gone, or only waits to be reaped. */
async function readStat(
  pid: string,
): Promise<{ readonly name: string; readonly parent: number } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [, name, parent] = /^\d+ \((.*)\) [^ZX] (\d+)/s.exec(text) ?? [];
  return name === undefined ? undefined : { name, parent: Number(parent) };
}
