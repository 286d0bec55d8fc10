import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeTree } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';
import { debianRoot, type DebianSuite } from './debian-root.ts';
import { ENVIRONMENT, onlyChild, processesIn, runInNetwork, type Machine } from './machine.ts';

/** A Debian system that systemd boots and runs, with a loopback interface only. */
export interface SystemdMachine extends Machine {
  /** Powers it off and boots it again. */
  readonly reboot: () => Promise<void>;
}

interface Booted {
  readonly holder: ChildProcess;
  /** The host's id of its first process. */
  readonly first: number;
}

const SCRIPT = path.join(import.meta.dirname, 'systemd-machine.sh');
const PACKAGES = ['dbus', 'procps', 'systemd-sysv'];
const TIMEOUT = 300_000;
const BOOT_TIMEOUT = 60_000;

/** Boots a fresh copy of the suite's system. */
export async function startSystemdMachine(suite: DebianSuite): Promise<SystemdMachine> {
  const pattern = await debianRoot(suite, PACKAGES);
  const directory = await mkdtemp(path.join(os.tmpdir(), `ksbundle-systemd-${suite}-`));
  const root = path.join(directory, 'root');
  const name = path.basename(directory).toLowerCase();
  const copied = await run(['cp', '-a', '--reflink=auto', pattern, root]);
  if (copied.exitCode !== 0) throw new Error(`cannot copy ${pattern}: ${copied.stderr}`);
  let booted = await boot(root, name);

  const execute: Machine['execute'] = (
    argv,
    { environment = {}, input, timeout = TIMEOUT, wrapper = [] } = {},
  ) => {
    const variables = Object.entries({ ...ENVIRONMENT, ...environment }).map(
      ([key, value]) => `${key}=${value}`,
    );
    const enter = ['nsenter', '--target', String(booted.first), '--all'];
    return run([...wrapper, ...enter, 'env', '-i', ...variables, ...argv], {
      timeout,
      ...(input === undefined ? {} : { input }),
    });
  };
  const powerOff = async (): Promise<void> => {
    const ended = once(booted.holder, 'exit');
    await execute(['systemctl', 'poweroff']);
    await ended;
  };
  return {
    root,
    execute,
    executeInNetwork: (argv, options) => runInNetwork(booted.first, argv, options),
    processes: async () => processesIn(await readlink(`/proc/${booted.first}/ns/pid`), booted.first),
    reboot: async () => {
      await powerOff();
      booted = await boot(root, name);
    },
    destroy: async () => {
      await powerOff();
      await removeCgroups(name);
      await removeTree(directory);
    },
  };
}

async function boot(root: string, name: string): Promise<Booted> {
  const holder = spawn('sh', [SCRIPT, root, name], { stdio: ['ignore', 'ignore', 'inherit'] });
  const deadline = Date.now() + BOOT_TIMEOUT;
  while (holder.exitCode === null && Date.now() < deadline) {
    await sleep(100);
    const first = await onlyChild(holder.pid ?? 0).catch(() => undefined);
    if (first === undefined) continue;
    const state = await run([
      'nsenter',
      '--target',
      String(first),
      '--all',
      'systemctl',
      'is-system-running',
    ]);
    if (/^(?:running|degraded)$/.test(state.stdout.trim())) return { holder, first };
  }
  throw new Error(`the machine ${name} does not boot`);
}

/** A cgroup can be removed after its last process ended; units' are below the machine's. */
async function removeCgroups(name: string): Promise<void> {
  const remove =
    'for d in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do [ ! -d "$d/$0" ] || find "$d/$0" -depth -type d -exec rmdir {} +; done';
  const removed = await run(['sh', '-c', remove, name]);
  if (removed.exitCode !== 0) throw new Error(`cannot remove the cgroups of ${name}: ${removed.stderr}`);
}
