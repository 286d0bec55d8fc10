import { mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { exists, removeTree } from '../../../src/io/files.ts';
import type { Machine } from './machine.ts';
import { passwordLogin } from './site.ts';

interface Load {
  /** Ends in `/v3`. */
  readonly url: string;
  /** The administrator's. */
  readonly password: string;
  /** At the same time. */
  readonly clients: number;
}

/** What the clients saw; times are in milliseconds of `Date.now()`. */
export interface Loaded {
  readonly requests: number;
  readonly seconds: number;
  /** When the last expected answer came. */
  readonly last: number;
  /** The other answers; one that never came has no status. */
  readonly wrong: readonly {
    readonly step: string;
    readonly start: number;
    readonly end: number;
    readonly status?: number;
    readonly body: string;
  }[];
}

const CLIENT = path.join(import.meta.dirname, 'mixed-load.mjs');

/**
 * Lets clients log in, fail to, make and delete projects and assign roles, all at the same time in the machine's network: so
 * many rounds each, and more for `seconds`.
 */
export async function loadMixed(
  machine: Machine,
  load: Load,
  until: { readonly rounds: number; readonly seconds?: number },
): Promise<Loaded> {
  return runClients(machine, load, until);
}

/** The same for as long as `work` takes, which begins when the clients have begun. */
export async function loadMixedMeanwhile<T>(
  machine: Machine,
  load: Load,
  work: () => Promise<T>,
): Promise<{ readonly loaded: Loaded; readonly result: T }> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-load-'));
  const [begun, until] = ['begun', 'until'].map((name) => path.join(directory, name)) as [string, string];
  const clients = runClients(machine, load, { begun, until });
  const ended = clients.then(() => true);
  try {
    while (!(await exists(begun)) && !(await Promise.race([ended, setTimeout(50, false)])));
    const result = await work();
    await writeFile(until, '');
    return { loaded: await clients, result };
  } finally {
    await writeFile(until, '');
    await ended;
    await removeTree(directory);
  }
}

async function runClients(machine: Machine, load: Load, until: object): Promise<Loaded> {
  const { password, ...rest } = load;
  const order = { ...rest, login: JSON.parse(passwordLogin(password)) as unknown, ...until };
  const sent = await machine.executeInNetwork([process.execPath, CLIENT], JSON.stringify(order));
  if (sent.exitCode !== 0) throw new Error(`the clients failed: ${sent.stderr}`);
  return JSON.parse(sent.stdout) as Loaded;
}
