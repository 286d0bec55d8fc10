import { mkdir, mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../../src/io/process.ts';
import { removeTree } from '../../../src/io/files.ts';
import { startMachine, type Machine } from '../support/machine.ts';
import { whyNoMachines } from '../support/requirements.ts';
import { ADDRESS, bootstrap, unpack, type Site } from '../support/site.ts';
import { KEYSTONE, NOTES, REDIS, type Alteration, type TestedBundle } from '../support/tested-bundle.ts';
import { CHANGING, readChanges, straceInto, tracedOutput } from '../support/trace.ts';

const OTHER_ADDRESS = '192.168.1.77';
const INSTANCE = '/srv/new/instance & more';
/** Files that the daemons write: see docs/bootstrap.md. */
const DAEMONS_OWN = ['data', 'log', 'run', 'tmp'].map((name) => `${INSTANCE}/${name}`);
/** Suffixes of incomplete files and directories of keys. */
const UNFINISHED = /\.(?:ksb-tmp|new)(?=\/|$)/g;

interface Planned {
  readonly steps: readonly { readonly do: string; readonly path: string }[];
  readonly problems: readonly unknown[];
}

/** Consecutive runs. */
const SHARES: readonly Share[] = [KEYSTONE, REDIS, NOTES].map((bundle) => ({
  bundle,
  name: bundle.name,
  runs: [
    ['the first install', ['--host', ADDRESS]],
    ['another address', ['--host', OTHER_ADDRESS]],
    ...bundle.alterations,
  ],
}));

interface Share {
  readonly bundle: TestedBundle;
  readonly name: string;
  readonly runs: readonly Alteration[];
}

const lacking = await whyNoMachines();

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined).each(SHARES)(
  `what plan announces of $name, beside what strace sees${lacking === undefined ? '' : ` (${lacking})`}`,
  ({ bundle, runs }) => {
    let machine: Machine;
    let site: Site;
    let directory: string;
    let count = 0;

    beforeAll(async () => {
      directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-traces-'));
      machine = await startMachine('bookworm', [ADDRESS, OTHER_ADDRESS]);
      const { present } = await bundle.tarballs();
      site = { ...(await unpack(machine, '/srv/key stöne', { from: present })), instance: INSTANCE };
      return async () => {
        await machine.destroy();
        await removeTree(directory);
      };
    });

    /** Runs bootstrap, and everything it starts, under strace; the changes are read after all have ended. */
    const traced = async (
      parameters: readonly string[],
    ): Promise<RunResult & { readonly trace: string; readonly output: string }> => {
      count += 1;
      const trace = path.join(directory, String(count));
      await mkdir(trace);
      const wrapper = straceInto(trace, CHANGING);
      const result = await bootstrap(site, [...parameters, '--instance', INSTANCE], { wrapper });
      return { ...result, trace, output: await tracedOutput(trace) };
    };
    const changes = async (trace: string): Promise<string[]> => {
      const found = await readChanges(trace, machine.root);
      const files = found.map(({ file }) => file).filter((file) => !/^\/(?:dev|proc)\/|^(?!\/)/.test(file));
      return [...new Set(files)];
    };
    const plan = async (parameters: readonly string[]): Promise<Planned> => {
      const planned = await traced(['plan', '--json', ...parameters]);
      expect(planned.exitCode, planned.output).toBe(0);
      expect(await changes(planned.trace)).toEqual([]);
      return JSON.parse(planned.output.split('\n').find((line) => line.startsWith('{')) ?? '') as Planned;
    };
    const written = ({ steps }: Planned): string[] =>
      steps.map((step) => step.path).filter((file) => file !== '');

    it.each(runs)('contains all that is written by %s', async (_, parameters) => {
      const planned = await plan(parameters);
      const installed = await traced(['install', ...parameters]);
      expect(installed.exitCode, installed.output).toBe(0);
      // The daemons are traced to their end; an unfinished trace has incomplete lines.
      expect(await bootstrap(site, ['stop', '--instance', INSTANCE])).toMatchObject({ exitCode: 0 });
      const announced = written(planned);
      const seen = (await changes(installed.trace)).map((file) => file.replaceAll(UNFINISHED, ''));
      // A test that traced nothing must not pass.
      expect(seen).toContain(`${INSTANCE}/receipt.json`);
      const covers = (known: string, file: string): boolean => `${file}/`.startsWith(`${known}/`);
      const known = [...announced, ...DAEMONS_OWN];
      expect(seen.filter((file) => !known.some((one) => covers(one, file)))).toEqual([]);
      expect(announced.filter((one) => !seen.some((file) => covers(one, file)))).toEqual([]);
    });

    it('is nothing when nothing is to be done', async () => {
      expect(await bootstrap(site, ['start', '--instance', INSTANCE])).toMatchObject({ exitCode: 0 });
      expect((await plan([])).steps).toEqual([]);
      const installed = await traced(['install']);
      expect(installed.exitCode, installed.output).toBe(0);
      expect(await changes(installed.trace)).toEqual([`${INSTANCE}/lock`, `${INSTANCE}/tmp/lock`]);
    });

    it('is told, and nothing written, where the preflight would refuse', async () => {
      const refused = await traced(['plan', '--json', '--host', '192.0.2.1', '--port', '192.0.2.1:80']);
      expect(refused.exitCode).toBe(3);
      expect(await changes(refused.trace)).toEqual([]);
    });
  },
);
