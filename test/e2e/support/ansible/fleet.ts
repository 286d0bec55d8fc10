import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import type { RunResult } from '../../../../src/io/process.ts';
import { ansible } from '../../../support/ansible/ansible.ts';
import { killAll, type OpenMachine } from '../machine.ts';

/** Counts of `ansible-playbook`'s last lines, of one host. */
export interface Recap {
  readonly ok: number;
  readonly changed: number;
  readonly unreachable: number;
  readonly failed: number;
}

export interface PlayResult extends RunResult {
  /** By host; a host that was not reached by the play's turn is missing, or has the counts of earlier tasks. */
  readonly recap: Readonly<Record<string, Recap>>;
}

/** Runs the playbook. */
export async function deploy(fleet: string, ...parameters: readonly string[]): Promise<PlayResult> {
  const result = await ansible(fleet, ['ansible-playbook', 'ksbundle.release.deploy', ...parameters], {
    ANSIBLE_CONNECTION_PLUGINS: path.join(import.meta.dirname, 'connection_plugins'),
  });
  const lines = result.stdout.matchAll(
    /^(\S+) +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)/gm,
  );
  const recap = Object.fromEntries(
    [...lines].map(([, host = '', ...counts]) => {
      const [ok = 0, changed = 0, unreachable = 0, failed = 0] = counts.map(Number);
      return [host, { ok, changed, unreachable, failed }];
    }),
  );
  return { ...result, recap };
}

/** Kills all processes of a machine as soon as `isTime` holds, while a playbook runs. Throws if that ends before. */
export async function killDuring(
  machine: OpenMachine,
  playing: Promise<PlayResult>,
  isTime: () => Promise<boolean>,
): Promise<PlayResult> {
  const state = { ended: false };
  const ended = playing.finally(() => (state.ended = true));
  while (!state.ended && !(await isTime())) await setTimeout(20);
  if (state.ended) throw new Error(`the playbook ended before its time:\n${(await ended).stdout}`);
  killAll(await machine.processes());
  return ended;
}

/** Throws with the output of a playbook that failed. */
export function expectSuccess(result: PlayResult): void {
  expect(result.exitCode, `${result.stdout}\n${result.stderr}`).toBe(0);
}

/** Writes an inventory of machines. JSON is YAML, too. */
export async function writeInventory(
  fleet: string,
  machines: Readonly<Record<string, OpenMachine>>,
  vars: Readonly<Record<string, unknown>>,
): Promise<void> {
  const hosts = Object.fromEntries(
    Object.entries(machines).map(([name, { entry }]) => [name, { machine_entry: entry }]),
  );
  const connection = { ansible_connection: 'machine', ansible_python_interpreter: '/usr/bin/python3' };
  const inventory = { all: { hosts, vars: { ...connection, ...vars } } };
  await writeFile(path.join(fleet, 'inventory.yml'), JSON.stringify(inventory));
}

/** Text of a file of the machine; empty if there is none. */
export async function readIn({ root }: OpenMachine, file: string): Promise<string> {
  return readFile(path.join(root, file), 'utf8').catch(() => '');
}
