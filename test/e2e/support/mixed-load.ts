import { setTimeout } from 'node:timers/promises';
import { exists } from '../../../src/io/files.ts';
import { runClient, runMeanwhile } from './client.ts';
import type { Machine } from './machine.ts';
import { passwordLogin } from './site.ts';

export interface Load {
  /** Ends in `/v3`. */
  readonly url: string;
  /** The administrator's. */
  readonly password: string;
  /** PEM of trusted certificates for https. */
  readonly ca?: string;
  /** `tokens` is to issue and validate tokens; `mixed`, the default, is to write. */
  readonly work?: 'tokens' | 'mixed';
  /** Milliseconds between the rounds of a client. */
  readonly pause?: number;
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

/**
 * Lets clients issue and validate tokens, or log in, fail to, make and delete projects and assign roles, all at the same
 * time in the machine's network: so many rounds each, and more for `seconds`.
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
  const [loaded, result] = await runMeanwhile(
    (until) => runClients(machine, load, { begun: begunBefore(until), until }),
    async (until, clients) => {
      const ended = clients.then(() => true);
      while (!(await exists(begunBefore(until))) && !(await Promise.race([ended, setTimeout(50, false)])));
      return work();
    },
  );
  return { loaded, result };
}

/** The file that the clients make when they begin. */
function begunBefore(until: string): string {
  return `${until}.begun`;
}

async function runClients(machine: Machine, load: Load, until: object): Promise<Loaded> {
  const { password, ...rest } = load;
  const order = { ...rest, login: JSON.parse(passwordLogin(password)) as unknown, ...until };
  return runClient(machine, 'mixed-load.mjs', order);
}
