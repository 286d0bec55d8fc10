import { copyFile, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exists, removeTree } from '../../src/io/files.ts';
import { deploy, expectSuccess, killDuring, readIn, writeInventory } from './support/ansible/fleet.ts';
import { makeCertificate } from './support/certificate.ts';
import { ksbundle } from './support/cli.ts';
import { send } from './support/http.ts';
import { startMachine, type OpenMachine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS } from './support/site.ts';
import { NOTES } from './support/tested-bundle.ts';

/** One host, unless all tests run. */
const NODES = exhaustive ? ['node1', 'node2', 'node3'] : ['node1'];
const lacking = await whyNoMachines(['openssl']);
const RELEASES = '/opt/ksbundle';
const INSTANCE = '/var/lib/ksbundle/notes';
const COLLECTION = 'ansible_collections/ksbundle/release';
const FORMER = 'notes-1.0.0-1-linux-x86_64';
const PRESENT = 'notes-1.1.0-1-linux-x86_64';

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `ksbundle ansible${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let top: string;
    let fleet: string;
    let certificate: string;
    const tls = { 'tls-cert': '', 'tls-key': '' };
    const tarballs = { former: '', present: '' };
    const machines: Record<string, OpenMachine> = {};
    const machine = (name: string): OpenMachine => {
      const found = machines[name];
      if (found === undefined) throw new Error(`no machine ${name}`);
      return found;
    };

    beforeAll(async () => {
      top = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-fleet-'));
      fleet = path.join(top, 'fleet');
      return () => removeTree(top);
    });
    beforeAll(async () => {
      for (const name of NODES)
        machines[name] = await startMachine('bookworm', [ADDRESS], ['openssl', 'python3']);
      return async () => {
        for (const each of Object.values(machines)) await each.destroy();
      };
    });
    beforeAll(async () => {
      const built = await NOTES.tarballs();
      await succeed('keygen', path.join(top, 'release.key'));
      for (const age of ['former', 'present'] as const) {
        tarballs[age] = path.join(top, path.basename(built[age]));
        await copyFile(built[age], tarballs[age]);
        await succeed('sign', tarballs[age], '--key', path.join(top, 'release.key'));
      }
      await carry('former');
      certificate = await makeCertificate({ root: top }, 'tls', ['127.0.0.1']);
      tls['tls-cert'] = certificate;
      tls['tls-key'] = await readFile(path.join(top, 'tls.key'), 'utf8');
      await answer({ title: "Alice's & Bob's" });
    });

    async function succeed(...parameters: readonly string[]): Promise<void> {
      const { exitCode, stderr } = await ksbundle(parameters);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    }

    const carry = (age: 'former' | 'present'): Promise<void> =>
      succeed('ansible', tarballs[age], fleet, '--key', path.join(top, 'release.key.pub'));

    const answer = (answers: Readonly<Record<string, unknown>>): Promise<void> =>
      writeInventory(fleet, machines, {
        ksbundle_answers: { port: [8080, 8081], processes: 1, ...answers },
        ksbundle_files: tls,
      });

    const page = async (name: string): Promise<string> => {
      const url = 'https://127.0.0.1:8081/';
      return (await send(machine(name), { method: 'GET', url, ca: certificate })).body ?? '';
    };

    const released = async (name: string): Promise<string> =>
      (await readIn(machine(name), '/etc/ksbundle/notes/release')).trim();

    it.runIf(exhaustive)('with --check tells that a host has nothing, and leaves it so', async () => {
      const checked = await deploy(fleet, '--check', '--limit', 'node1');
      expectSuccess(checked);
      expect(checked.recap).toEqual({ node1: expect.objectContaining({ failed: 0 }) });
      expect(checked.recap['node1']?.changed).toBeGreaterThan(0);
      expect(checked.stdout).toContain(`would unpack ${RELEASES}/${FORMER}`);
      for (const directory of [RELEASES, INSTANCE, '/etc/ksbundle'])
        expect(await exists(path.join(machine('node1').root, directory))).toBe(false);
    });

    it.runIf(exhaustive)('refuses a tarball that changed since, before it is unpacked', async () => {
      const carried = path.join(fleet, COLLECTION, 'roles/ksbundle/files', `${FORMER}.tar.gz`);
      const bytes = await readFile(carried);
      bytes[bytes.length - 1] = 255 - (bytes.at(-1) ?? 0);
      await writeFile(carried, bytes);
      const refused = await deploy(fleet, '--limit', 'node1');
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stdout).toContain(
        `${FORMER}.tar.gz is not the tarball that was given to ksbundle ansible`,
      );
      expect(await exists(path.join(machine('node1').root, RELEASES, FORMER))).toBe(false);
      expect(await readdir(path.join(machine('node1').root, RELEASES, `.${FORMER}.unpacking`))).toEqual([
        `${FORMER}.tar.gz`,
      ]);
      await carry('former');
    });

    it('installs on all hosts, with answers and secrets, and shows no secret', async () => {
      const installed = await deploy(fleet, '--diff', '-v');
      expectSuccess(installed);
      expect(Object.keys(installed.recap)).toEqual(NODES);
      const [, secret = ''] = tls['tls-key'].split('\n');
      expect(installed.stdout + installed.stderr).not.toContain(secret);
      for (const name of Object.keys(machines)) {
        expect(await page(name)).toContain('Alice&#39;s &amp; Bob&#39;s');
        const kept = await stat(path.join(machine(name).root, '/etc/ksbundle/notes/tls-key'));
        expect(kept.mode & 0o7777).toBe(0o600);
      }
    });

    it('changes nothing when it runs again', async () => {
      const again = await deploy(fleet);
      expectSuccess(again);
      for (const name of Object.keys(machines))
        expect(again.recap[name]).toMatchObject({ changed: 0, failed: 0, unreachable: 0 });
    });

    it('with --check tells what another answer changes, and changes nothing', async () => {
      await answer({ title: 'Minutes' });
      const checked = await deploy(fleet, '--check', '--limit', 'node1');
      expectSuccess(checked);
      expect(checked.recap['node1']).toMatchObject({ changed: 1 });
      expect(checked.stdout).toContain(`${INSTANCE}/etc/notes.cfg`);
      expect(checked.stdout).toContain('Minutes');
      expect(await page('node1')).toContain('Alice');
      await answer({ title: "Alice's & Bob's" });
    });

    it.runIf(exhaustive)('refuses an unknown answer', async () => {
      await answer({ titel: 'Minutes' });
      const refused = await deploy(fleet, '--check', '--limit', 'node1');
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stdout).toContain('--titel');
      await answer({ title: "Alice's & Bob's" });
    });

    it.runIf(exhaustive)('stops an upgrade at the host that dies, while the others serve', async () => {
      await carry('present');
      const saved = path.join(machine('node2').root, INSTANCE, 'backups');
      const isSaved = async (): Promise<boolean> =>
        (await readdir(saved).catch(() => [])).some((name) => name.endsWith('-before-upgrade.tar.gz'));
      const stopped = await killDuring(machine('node2'), deploy(fleet), isSaved);
      expect(stopped.exitCode).not.toBe(0);
      expect(stopped.recap['node1']).toMatchObject({ failed: 0, unreachable: 0 });
      expect(stopped.recap['node2']?.failed).toBe(1);
      expect(await page('node1')).toContain('Alice');
      expect(await page('node3')).toContain('Alice');
      await expect(page('node2')).rejects.toThrow();
      expect(await released('node1')).toBe(`${RELEASES}/${PRESENT}`);
      expect(await released('node3')).toBe(`${RELEASES}/${FORMER}`);
    });

    it('upgrades, and completes what was interrupted', async () => {
      await carry('present');
      const completed = await deploy(fleet);
      expectSuccess(completed);
      if (exhaustive) expect(completed.recap['node1']).toMatchObject({ changed: 0 });
      for (const name of Object.keys(machines)) {
        expect(await page(name)).toContain('Alice');
        expect(await released(name)).toBe(`${RELEASES}/${PRESENT}`);
      }
    });
  },
);
