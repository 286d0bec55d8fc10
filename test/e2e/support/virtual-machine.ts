import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeTree } from '../../../src/io/files.ts';
import { virtualMachineImage } from './virtual-machine-image.ts';

/** Result of a script in the machine. */
export interface ScriptResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Debian system with its own kernel and systemd, emulated: many times slower than this machine. */
export interface VirtualMachine {
  /** Runs a script with sh, as its administrator. Never throws for a failing one. */
  readonly execute: (script: string) => Promise<ScriptResult>;
  /** The kernel's messages since it was booted. */
  readonly kernelLog: () => Promise<string>;
  /** Cuts its power, and removes it. */
  readonly destroy: () => Promise<void>;
}

export interface VirtualMachineOptions {
  /** Additions to the kernel's command line. */
  readonly kernelParameters: readonly string[];
  /** A file of the host, a read-only disk in the machine: `PAYLOAD`. */
  readonly payload: string;
}

/** The payload, as the machine sees it. */
export const PAYLOAD = '/dev/nvme1n1';

const KERNEL_PARAMETERS =
  'console=ttyS0 root=/dev/nvme0n1 rootfstype=ext4 rw panic=-1 loglevel=6 mitigations=off systemd.show_status=no ' +
  // Show every denial.
  'sysctl.kernel.printk_ratelimit=0';
/**
 * One processor, without an accelerator: the same everywhere. Its clock counts instructions, two nanoseconds each, and
 * stands still while the host is busy: nothing in the machine times out.
 */
const EMULATOR =
  'qemu-system-x86_64 -accel tcg,thread=single -icount shift=1 -cpu max -smp 1 -m 2G ' +
  '-nodefaults -no-user-config -display none -no-reboot';
/** For a script, and for the boot before the first. */
const SECONDS = 1500;

/** Boots a machine. What it writes to its disk is kept apart from the image, and lost at the end. */
export async function startVirtualMachine(options: VirtualMachineOptions): Promise<VirtualMachine> {
  const { kernel, disk } = await virtualMachineImage();
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-vm-'));
  const kernelLog = path.join(directory, 'console');
  const socket = path.join(directory, 'agent');
  const parameters = [
    ['-kernel', kernel, '-append', [KERNEL_PARAMETERS, ...options.kernelParameters].join(' ')],
    ['-drive', `file=${disk},format=raw,if=none,id=system,snapshot=on,cache=unsafe`],
    ['-device', 'nvme,drive=system,serial=system'],
    ['-drive', `file=${options.payload},format=raw,if=none,id=payload,readonly=on`],
    ['-device', 'nvme,drive=payload,serial=payload'],
    ['-serial', `file:${kernelLog}`],
    ['-serial', `unix:${socket},server=on,wait=off`],
  ];
  // It ends with the tests in any case. In a new session, the host's scheduler gives it its own share of time.
  const emulator = spawn('setpriv', ['--pdeathsig', 'KILL', ...EMULATOR.split(' '), ...parameters.flat()], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, TMPDIR: directory },
    detached: true,
  });
  const ended = once(emulator, 'exit');
  const readLog = async (): Promise<string> => readFile(kernelLog, 'latin1').catch(() => '');
  const destroy = async (): Promise<void> => {
    emulator.kill('SIGKILL');
    await ended;
    await removeTree(directory);
  };
  try {
    const agent = await connectTo(socket, ended);
    // The end of its output shows that it was cut off.
    agent.on('error', () => undefined);
    const lines = createInterface(agent)[Symbol.asyncIterator]();
    const nextLine = async (): Promise<string> => {
      const timer = new AbortController();
      const late = sleep(SECONDS * 1000, 'late', { signal: timer.signal }).catch(() => 'late');
      const line = await Promise.race([lines.next(), late, ended]);
      timer.abort();
      if (typeof line === 'object' && 'value' in line && line.done !== true) return line.value.trim();
      const why = line === 'late' ? `did not answer for ${SECONDS} s` : 'has ended';
      throw new Error(`the virtual machine ${why}; its kernel said last:\n${(await readLog()).slice(-2000)}`);
    };
    while ((await nextLine()) !== 'ready');
    const execute = async (script: string): Promise<ScriptResult> => {
      agent.write(`${encode(script)}\n`);
      const [exitCode, stdout = '', stderr = ''] = (await nextLine()).split(' ');
      return { exitCode: Number(exitCode), stdout: decode(stdout), stderr: decode(stderr) };
    };
    return { execute, kernelLog: readLog, destroy };
  } catch (error) {
    await destroy();
    throw error;
  }
}

/** The emulator creates the socket soon after it starts. */
async function connectTo(file: string, ended: Promise<unknown>): Promise<Socket> {
  let hasEnded = false;
  void ended.then(() => (hasEnded = true));
  for (;;) {
    const socket = connect(file);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (hasEnded) throw error;
      await sleep(50);
    }
  }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString();
}
