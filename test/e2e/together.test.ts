import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import { dumpDatabase, fingerprint } from './support/inside.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, install, issueToken, unpack, type Site } from './support/site.ts';

const OTHER_ADDRESS = '192.168.1.77';
const INSTANCE = '/srv/instance';
const lacking = await whyNoMachines();

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `several commands at work on one instance${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    /** The same release in another place. */
    let twin: Site;
    let token: string;

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS, OTHER_ADDRESS]);
      site = { ...(await unpack(machine, '/srv/key stöne')), instance: INSTANCE };
      twin = { ...(await unpack(machine, '/opt')), instance: INSTANCE };
      return () => machine.destroy();
    });

    const run = (where: Site, parameters: readonly string[], timeout = 300_000): Promise<RunResult> =>
      bootstrap(where, [...parameters, '--instance', INSTANCE], { timeout });
    const inInstance = (name: string): string => path.join(machine.root, INSTANCE, name);
    const expectLocked = (result: RunResult | undefined): void => {
      expect(result).toMatchObject({ exitCode: 5 });
      expect(result?.stderr).toMatch(/another bootstrap (?:is working on this|has changed the) instance/);
    };
    /** The only successful result, and the others. */
    const sort = (results: readonly RunResult[]): [RunResult[], RunResult[]] => [
      results.filter(({ exitCode }) => exitCode === 0),
      results.filter(({ exitCode }) => exitCode !== 0),
    ];

    /** Starts an install and stops its process halfway; returns functions to continue or kill it. */
    const halted = async (
      parameters: readonly string[],
    ): Promise<{ pid: number; finish: (signal: NodeJS.Signals) => Promise<RunResult> }> => {
      const before = await readFile(inInstance('journal'), 'utf8').catch(() => '');
      // It waits while the test works.
      const running = run(site, ['install', ...parameters], 1_200_000);
      const journal = async (): Promise<string> => readFile(inInstance('journal'), 'utf8').catch(() => '');
      const begun = async (): Promise<boolean> => {
        const now = await journal();
        return now !== before && now.includes('"step"');
      };
      while (!(await begun())) {
        const ended = await Promise.race([running, setTimeout(5)]);
        if (ended !== undefined) throw new Error(`it ended: ${ended.stderr}`);
      }
      const installer = (await machine.processes()).find(
        ({ name, program }) =>
          name.startsWith('python3') && program.startsWith(`${machine.root}${site.release}`),
      );
      if (installer === undefined) throw new Error('no installer runs');
      process.kill(installer.pid, 'SIGSTOP');
      // A process that it started ends first.
      await setTimeout(2000);
      // nsenter, its parent, stops with it.
      const parent = Number(
        /^PPid:\s*(\d+)$/m.exec(await readFile(`/proc/${installer.pid}/status`, 'utf8'))?.[1],
      );
      const finish = (signal: NodeJS.Signals): Promise<RunResult> => {
        process.kill(installer.pid, signal);
        process.kill(parent, 'SIGCONT');
        return running;
      };
      onTestFinished(async () => {
        if ((await machine.processes()).some(({ pid }) => pid === installer.pid)) await finish('SIGKILL');
      });
      return { pid: installer.pid, finish };
    };

    it('become one instance when four installs run at once, from two releases', async () => {
      const parameters = ['install', '--host', ADDRESS];
      const results = await Promise.all([site, twin, site, twin].map((where) => run(where, parameters)));
      const [done, refused] = sort(results);
      expect(done).toHaveLength(1);
      expect(refused).toHaveLength(3);
      refused.forEach(expectLocked);
      await install(site, ['--instance', INSTANCE]);
      token = await issueToken(machine, `http://${ADDRESS}:5000/v3`, await adminPassword(site));
      expect(await run(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it('lock out all others except those that only read', async () => {
      const { finish } = await halted(['--host', OTHER_ADDRESS]);
      const data = await dumpDatabase(site);
      const keys = await fingerprint(machine, `${INSTANCE}/keys`);
      const files = await fingerprint(machine, `${INSTANCE}/etc`);
      const commands = ['install', 'backup', 'stop', 'restart', 'maintain', 'uninstall'];
      const refused = await Promise.all([
        ...commands.map((command) => run(site, [command])),
        run(twin, ['install', '--host', ADDRESS]),
        run(site, ['uninstall', '--purge', '--yes']),
      ]);
      refused.forEach(expectLocked);
      expect(await run(site, ['show-config'])).toMatchObject({ exitCode: 0 });
      expect(await run(site, ['plan'])).toMatchObject({ exitCode: 0 });
      expect(await dumpDatabase(site)).toBe(data);
      expect(await fingerprint(machine, `${INSTANCE}/keys`)).toEqual(keys);
      expect(await fingerprint(machine, `${INSTANCE}/etc`)).toEqual(files);
      expect(await finish('SIGCONT')).toMatchObject({ exitCode: 0 });
      expect(await run(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it('name the process that works', async () => {
      const { pid, finish } = await halted(['--host', ADDRESS]);
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const inside = /^NSpid:.*\s(\d+)$/m.exec(status)?.[1] ?? '';
      const refused = await run(site, ['install']);
      expectLocked(refused);
      expect(refused.stderr).toContain(`process ${inside} holds the lock`);
      await finish('SIGKILL');
    });

    it('take over the lock of a killed one, and resume its work', async () => {
      // Only a held lock counts, not its file's contents.
      await writeFile(inInstance('lock'), '1\n');
      const [done, refused] = sort(await Promise.all([run(site, ['install']), run(site, ['install'])]));
      expect(done).toHaveLength(1);
      refused.forEach(expectLocked);
      expect(done[0]?.stderr).toContain('finishing install');
      const verified = await run(site, ['verify']);
      expect(verified).toMatchObject({ exitCode: 0 });
      const moved = await issueToken(machine, `http://${ADDRESS}:5000/v3`, await adminPassword(site));
      expect(moved).not.toBe(token);
    });

    it('let a backup and a change follow each other', async () => {
      const results = await Promise.all([
        run(site, ['backup', '/srv/one.tar.gz']),
        run(site, ['install', '--host', OTHER_ADDRESS]),
        run(twin, ['backup', '/srv/two.tar.gz']),
        run(site, ['restart']),
      ]);
      const [done, refused] = sort(results);
      expect(done.length).toBeGreaterThan(0);
      refused.forEach(expectLocked);
      await install(site, ['--instance', INSTANCE, '--host', OTHER_ADDRESS]);
      expect(await run(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });
  },
);
