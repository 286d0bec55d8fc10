import { copyFile, mkdtemp, readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exists, listTree, removeTree } from '../../src/io/files.ts';
import {
  deploy,
  expectSuccess,
  killDuring,
  readIn,
  writeInventory,
  type PlayResult,
} from './support/ansible/fleet.ts';
import { earlierTarball, releaseName, tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';
import { startServerMachine, type DatabaseServer } from './support/database-servers.ts';
import { startMachine, type OpenMachine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { AUTHORITY, PASSWORD } from './support/server-secrets.ts';
import { bootstrap, install, statusesAcross, type Site } from './support/site.ts';
import { shell } from './support/succeed.ts';

const lacking = await whyNoMachines(['openssl']);
/** In the inventory's order: the host with the keys is the last one. */
const NODES = exhaustive ? ['node3', 'node2', 'node1'] : ['node2', 'node1'];
const HOLDER = 'node1';
const SETTINGS = '/etc/ksbundle/keystone';
const RELEASES = '/opt/ksbundle';
const ADMIN_PASSWORD = 'pass $1 of the fleet';

const addressOf = (name: string): string => `10.0.0.${name.slice(-1)}`;
const instanceOf = (name: string): string => `/srv/${name}/keystone`;

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `ksbundle ansible for nodes of one Keystone${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let top: string;
    let fleet: string;
    let network: OpenMachine;
    let server: DatabaseServer;
    let served: string;
    const machines: Record<string, OpenMachine> = {};

    const machine = (name: string): OpenMachine => {
      const found = machines[name];
      if (found === undefined) throw new Error(`no machine ${name}`);
      return found;
    };
    const site = (name: string): Site => ({
      machine: machine(name),
      release: path.join(RELEASES, releaseName(served)),
      instance: instanceOf(name),
    });
    const place = (name: string): string => `--instance=${instanceOf(name)}`;
    const inHost = (name: string, file: string): string => path.join(machine(name).root, file);

    async function carry(file: string): Promise<void> {
      const { exitCode, stderr } = await ksbundle(['ansible', file, fleet]);
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      served = file;
    }

    const answer = (more: Readonly<Record<string, unknown>> = {}): Promise<void> =>
      writeInventory(fleet, machines, {
        ksbundle_keys_from: HOLDER,
        ksbundle_instance: '/srv/{{ inventory_hostname }}/keystone',
        ksbundle_answers: {
          host: '10.0.0.{{ inventory_hostname[-1] }}',
          port: '10.0.0.{{ inventory_hostname[-1] }}:5000',
          public_url: 'http://id.example.org',
          processes: 1,
          database_url: server.url('keystone'),
        },
        ksbundle_files: {
          'database-ca': "{{ lookup('ansible.builtin.file', inventory_dir ~ '/ca.pem') }}",
          'database-password-file': PASSWORD,
          'admin-password-file': ADMIN_PASSWORD,
        },
        ...more,
      });

    /** What no output may show, and no file on the controller may hold. */
    async function secrets(): Promise<string[]> {
      const keys = await Promise.all(
        NODES.flatMap((name) =>
          ['0', '1', '2', '3'].map((key) => readIn(machine(name), `${instanceOf(name)}/keys/fernet/${key}`)),
        ),
      );
      return [...keys, PASSWORD, ADMIN_PASSWORD].filter((secret) => secret !== '');
    }

    /** Runs the playbook, and expects that it shows and leaves nothing of what must stay on a host. */
    async function play(...parameters: readonly string[]): Promise<PlayResult> {
      const result = await deploy(fleet, ...parameters);
      const kept = (await listTree(fleet)).filter(
        ({ kind, path: file }) => kind === 'file' && file.includes('/tmp/'),
      );
      expect(kept).toEqual([]);
      for (const secret of await secrets()) expect(result.stdout + result.stderr).not.toContain(secret);
      for (const name of NODES)
        expect(
          (await readdir(inHost(name, SETTINGS)).catch(() => [])).filter((file) => file.startsWith('.keys')),
        ).toEqual([]);
      return result;
    }

    const changes = ({ recap }: PlayResult): Record<string, number | undefined> =>
      Object.fromEntries(NODES.map((name) => [name, recap[name]?.changed]));
    const nothing = Object.fromEntries(NODES.map((name) => [name, 0]));

    async function digests(): Promise<unknown[]> {
      const found = await Promise.all(
        NODES.map(async (name) => bootstrap(site(name), ['status', '--json', place(name)])),
      );
      return [...new Set(found.map(({ stdout }) => (JSON.parse(stdout) as { keys: unknown }).keys))];
    }

    const acrossNodes = (): Promise<unknown[]> =>
      statusesAcross(
        network,
        NODES.map((name) => `http://${addressOf(name)}:5000/v3`),
        ADMIN_PASSWORD,
      );

    beforeAll(async () => {
      top = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-fleet-'));
      fleet = path.join(top, 'fleet');
      return () => removeTree(top);
    });
    beforeAll(async () => {
      ({ machine: network, server } = await startServerMachine('postgresql', NODES.map(addressOf)));
      await server.make('keystone');
      for (const name of NODES)
        machines[name] = await startMachine('bookworm', network, ['openssl', 'python3']);
      return async () => {
        for (const each of [...Object.values(machines), network]) await each.destroy();
      };
    });
    beforeAll(async () => {
      await carry(exhaustive ? earlierTarball() : tarball());
      await copyFile(path.join(network.root, AUTHORITY), path.join(fleet, 'ca.pem'));
      await answer();
    });

    it.runIf(exhaustive)('refuses a host with keys that is unknown, or not installed yet', async () => {
      await answer({ ksbundle_keys_from: 'nobody' });
      const unknown = await play('--limit', 'node2', '--tags', 'untagged');
      expect(unknown.exitCode).not.toBe(0);
      expect(unknown.stdout).toContain('names nobody, which is not in the inventory');
      await answer();
      const early = await play('--limit', 'node2');
      expect(early.exitCode).not.toBe(0);
      expect(early.stdout).toContain(
        'node2 needs the keys of node1, which this playbook has not installed yet',
      );
      expect(await exists(inHost('node2', instanceOf('node2')))).toBe(false);
    });

    it.runIf(exhaustive)('stops at a node that dies while it joins', async () => {
      const stopped = await killDuring(machine('node3'), play(), () =>
        exists(inHost('node3', `${instanceOf('node3')}/etc/keystone.conf`)),
      );
      expect(stopped.exitCode).not.toBe(0);
      expect(stopped.recap['node1']).toMatchObject({ failed: 0, unreachable: 0 });
      expect(await exists(inHost('node2', instanceOf('node2')))).toBe(false);
    });

    it('installs the host with the keys first, brings them to the others, and lets these join', async () => {
      const installed = await play('--diff', '-v');
      expectSuccess(installed);
      expect((await digests()).length).toBe(1);
      expect(await acrossNodes()).toEqual([200]);
      for (const name of NODES) await install(site(name), ['status', place(name)]);
    });

    it('changes nothing when it runs again', async () => {
      const again = await play();
      expectSuccess(again);
      expect(changes(again)).toEqual(nothing);
    });

    it('brings the next keys after each rotation, before they are used', async () => {
      const rotate = ['keys', 'rotate', place(HOLDER)];
      await install(site(HOLDER), rotate);
      const early = await bootstrap(site(HOLDER), rotate);
      expect(early.exitCode).toBe(3);
      if (exhaustive) {
        const checked = await play('--check');
        expectSuccess(checked);
        expect(checked.stdout).toContain('would import the keys of node1');
        expect(changes(checked)).toEqual({ node1: 0, node2: 1, node3: 1 });
        expect((await digests()).length).toBe(2);
      }
      const brought = await play();
      expectSuccess(brought);
      expect(brought.recap[HOLDER]).toMatchObject({ changed: 0 });
      expect((await digests()).length).toBe(1);
      await install(site(HOLDER), rotate);
      expect(await acrossNodes()).toEqual([200]);
    });

    it.runIf(exhaustive)('refuses an incomplete set of keys, and an old one, and names it', async () => {
      const keys = `${instanceOf(HOLDER)}/keys`;
      await shell(machine(HOLDER), 'cd "$0" && cp -a fernet /srv/old', keys);
      expectSuccess(await play());
      await install(site(HOLDER), ['keys', 'rotate', place(HOLDER)]);
      expectSuccess(await play());
      const [before] = await digests();
      for (const [change, refusal] of [
        ['mkdir -m 700 fernet && chown --reference=/srv/kept fernet', 'keys are missing or empty'],
        ['cp -a /srv/old fernet', 'the file does not have the present keys of another node on the database'],
      ] as const) {
        await shell(machine(HOLDER), `cd "$0" && mv fernet /srv/kept && ${change}`, keys);
        const refused = await play();
        await shell(machine(HOLDER), 'cd "$0" && rm -r fernet && mv /srv/kept fernet', keys);
        expect(refused.exitCode).not.toBe(0);
        expect(refused.stdout).toContain(refusal);
        expect(refused.recap).toMatchObject({ node3: { failed: 1 } });
        expect(await digests()).toEqual([before]);
      }
      const again = await play();
      expectSuccess(again);
      expect(changes(again)).toEqual(nothing);
    });

    it.runIf(exhaustive)('upgrades the host with the keys last, and stops at one that dies', async () => {
      await carry(tarball());
      const saved = inHost('node2', `${instanceOf('node2')}/backups`);
      const stopped = await killDuring(machine('node2'), play(), async () =>
        (await readdir(saved).catch(() => [])).some((name) => name.endsWith('-before-upgrade.tar.gz')),
      );
      expect(stopped.exitCode).not.toBe(0);
      expect(stopped.recap).toMatchObject({ node3: { failed: 0 }, node2: { failed: 1 } });
      const released = async (name: string): Promise<string> =>
        path.basename((await readIn(machine(name), `${SETTINGS}/release`)).trim());
      expect(await released('node3')).toBe(releaseName(tarball()));
      expect(await released(HOLDER)).toBe(releaseName(earlierTarball()));
      const former = { ...site(HOLDER), release: path.join(RELEASES, releaseName(earlierTarball())) };
      await install(former, ['keys', 'rotate', place(HOLDER)]);
      expectSuccess(await play());
      for (const name of NODES) expect(await released(name)).toBe(releaseName(tarball()));
      expect((await digests()).length).toBe(1);
      expect(await acrossNodes()).toEqual([200]);
      const again = await play();
      expectSuccess(again);
      expect(changes(again)).toEqual(nothing);
    });

    it.runIf(exhaustive)('tells with --check what a new host would do, and needs its keys for', async () => {
      // The host is emptied, as if it was new.
      await install(site('node2'), ['uninstall', '--purge', '--yes', place('node2')]);
      await shell(machine('node2'), 'rm -r "$0"', SETTINGS);
      const checked = await play('--check', '--limit', 'node2');
      expectSuccess(checked);
      expect(checked.stdout).toContain('would import the keys of node1');
      expect(await exists(inHost('node2', SETTINGS))).toBe(false);
      expectSuccess(await play('--limit', 'node2'));
      expect(await acrossNodes()).toEqual([200]);
    });
  },
);
