import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, readlink, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrnoException } from '../domain/errors.ts';
import { explainDiskFull } from './disk.ts';
import { ifThere } from './if-there.ts';

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once if another process holds the lock; `pid` is in that process's namespace. */
  readonly onWait?: (owner: { readonly pid: number }) => void;
}

/** Who holds a lock. */
interface Owner {
  /** Distinguishes two holders in one process. */
  readonly id: string;
  readonly pid: number;
  /** Start of the process in clock ticks since boot (proc(5), field 22 of stat): a pid alone may be reused. */
  readonly start: string;
  /** Boot and PID namespace. In another one, pid and start have no meaning for this process. */
  readonly space: string;
}

const POLL = 100;
/** Interval of a holder's signs of life, and the age at which an invisible one counts as dead, in milliseconds. */
const HEARTBEAT = 10_000;
const STALE = 60_000;

/**
 * Runs `work` while holding the lock `file`, which exists only meanwhile. Waits while another process, or other work in
 * this one, holds it; takes over the lock of a dead process. Throws the signal's reason if it aborts while waiting, and
 * `KSB_DISK_FULL`.
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

/** Whether a dead process left a lock, or a claim to one. False if missing. */
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
 * Replaces the lock of the dead `holder` by one of this process. Only one process at a time may try, under a separate
 * lock: otherwise the slower of two would replace the lock of the faster one.
 */
async function takeOver(file: string, claim: string, holder: Owner): Promise<boolean> {
  return withLock(`${file}.after-${holder.id}`, async () => {
    if ((await readOwner(file))?.id !== holder.id) return false;
    await rename(claim, file);
    return true;
  });
}

/** The holder; undefined if the lock was released meanwhile. An invalid file counts as a dead holder's. */
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
 * Start of the process; undefined if it is gone or a zombie. The name in field 2 may contain spaces and brackets, so
 * fields are counted after the last bracket: the state first, the start as the 20th.
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
