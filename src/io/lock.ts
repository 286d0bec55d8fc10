import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrnoException } from '../domain/errors.ts';
import { explainDiskFull } from './disk.ts';
import { ifThere } from './if-there.ts';

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once if the lock is held by somebody else; `pid` as that process sees itself. */
  readonly onWait?: (owner: { readonly pid: number }) => void;
}

/** Who holds a lock. */
interface Owner {
  /** Distinguishes two holders in one process. */
  readonly id: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot (proc(5), field 22 of stat): a pid alone may be reused. */
  readonly start: string;
  /** Boot and PID namespace; in another one, neither pid nor start mean anything to us. */
  readonly space: string;
}

const POLL = 100;
/** Milliseconds between two signs of life of a holder, and after how many it counts as dead if we cannot see it. */
const HEARTBEAT = 10_000;
const STALE = 60_000;

/**
 * Runs `work` while holding the lock `file`, which exists just as long. Waits while another process, or other work in
 * this one, holds it; the lock of a process that is gone is taken over. Throws the signal's reason if it aborts
 * while waiting, and `KSB_DISK_FULL`.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true });
  const owner = await describeOurselves();
  const claim = `${file}.${owner.id}.tmp`;
  try {
    await writeFile(claim, JSON.stringify(owner), { flag: 'wx' });
    await acquire(file, claim, options);
  } catch (error) {
    throw explainDiskFull(error, file);
  } finally {
    await rm(claim, { force: true });
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, HEARTBEAT).unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if ((await readOwner(file))?.id === owner.id) await rm(file, { force: true });
  }
}

/** Whether a lock, or a claim to one, was left by a process that is gone. False for none. */
export async function isAbandoned(file: string): Promise<boolean> {
  const owner = await readOwner(file);
  return owner !== undefined && !(await isAlive(owner, file));
}

async function acquire(file: string, claim: string, options: LockOptions): Promise<void> {
  let waiting = false;
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      await link(claim, file);
      return;
    } catch (error) {
      if (!isErrnoException(error, 'EEXIST')) throw error;
    }
    const holder = await readOwner(file);
    if (holder === undefined) continue;
    if (!(await isAlive(holder, file))) {
      if (await takeOver(file, claim, holder)) return;
      continue;
    }
    if (!waiting) options.onWait?.({ pid: holder.pid });
    waiting = true;
    await sleep(POLL, undefined, options.signal === undefined ? {} : { signal: options.signal }).catch(
      () => undefined,
    );
  }
}

/**
 * Replaces the lock of the dead `holder` by ours. Only one process at a time may try to succeed one holder, under a
 * lock of its own: otherwise the slower of two would replace the lock of the faster one.
 */
async function takeOver(file: string, claim: string, holder: Owner): Promise<boolean> {
  return withLock(`${file}.after-${holder.id}`, async () => {
    if ((await readOwner(file))?.id !== holder.id) return false;
    await rename(claim, file);
    return true;
  });
}

/** The holder; undefined if the lock was released meanwhile. A file that is no lock of ours counts as a dead one's. */
async function readOwner(file: string): Promise<Owner | undefined> {
  const text = await ifThere(readFile(file, 'utf8'));
  if (text === undefined) return undefined;
  try {
    const { id, pid, start, space } = JSON.parse(text) as Partial<Record<keyof Owner, unknown>>;
    return { id: String(id), pid: Number(pid), start: String(start), space: String(space) };
  } catch {
    return { id: 'damaged', pid: 0, start: '', space: '' };
  }
}

async function isAlive(owner: Owner, file: string): Promise<boolean> {
  if (owner.space === (await currentSpace())) return (await startOf(owner.pid)) === owner.start;
  const status = await ifThere(stat(file));
  return status !== undefined && Date.now() - status.mtimeMs < STALE;
}

async function describeOurselves(): Promise<Owner> {
  return {
    id: randomUUID(),
    pid: process.pid,
    start: (await startOf(process.pid)) ?? '',
    space: await currentSpace(),
  };
}

async function currentSpace(): Promise<string> {
  const [boot, namespace] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readlink('/proc/self/ns/pid'),
  ]);
  return `${boot.trim()} ${namespace}`;
}

/**
 * When the process started; undefined if there is none, or only its zombie. The name in field 2 may itself hold
 * spaces and brackets, so fields are counted after the last bracket: the state first, the start as the 20th.
 */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch (error) {
    if (isErrnoException(error, 'ENOENT') || isErrnoException(error, 'ESRCH')) return undefined;
    throw error;
  }
}
