import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run as runOnHost } from '../../src/io/process.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { earlierTarball, releaseName, tarball } from './support/bundle.ts';
import { makeCertificate } from './support/certificate.ts';
import { startServerMachine, type DatabaseServer } from './support/database-servers.ts';
import { documentedBlocks } from './support/documented.ts';
import { send } from './support/http.ts';
import type { Machine } from './support/machine.ts';
import { loadMixedMeanwhile, type Load, type Loaded } from './support/mixed-load.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { AUTHORITY, PASSWORD_FILE } from './support/server-secrets.ts';
import { adminPassword, bootstrap, install, issueToken, siteAt, unpack, type Site } from './support/site.ts';
import { shell } from './support/succeed.ts';

const lacking = await whyNoMachines(['openssl']);
/** As docs/nodes.md has them. */
const PROXY = '10.0.0.100';
const NUMBERS = [1, 2, 3] as const;
type Number = (typeof NUMBERS)[number];
const CLIENTS = 16;

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `three nodes of Keystone behind HAProxy${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let server: DatabaseServer;
    let load: Load;

    const urlOf = (number: Number): string => `http://10.0.0.${number}:5000/v3`;
    const homeOf = (number: Number): string => `/srv/node${number}`;
    const nodeAt = (number: Number, file: string): Site =>
      siteAt(machine, path.join(homeOf(number), releaseName(file)));
    const former = (number: Number): Site => nodeAt(number, earlierTarball());
    const present = (number: Number): Site => nodeAt(number, tarball());

    /** Runs commands of the page, which are the second node's, on a node. */
    async function run(
      { release }: Site,
      commands: string,
      { number, home = homeOf(number) }: { readonly number: Number; readonly home?: string },
    ): Promise<string> {
      const own = commands
        .replaceAll('node2', `node${number}`)
        .replaceAll(/10\.0\.0\.[12]\b/g, `10.0.0.${number}`)
        .replaceAll('db.example.org', '127.0.0.1')
        .replaceAll('/root', home)
        .replaceAll(/keystone-29[\w.-]+/g, releaseName(earlierTarball()));
      const { exitCode, stdout, stderr } = await machine.execute([
        'sh',
        '-c',
        `set -e; cd "$0"\n${own}`,
        release,
      ]);
      expect(exitCode, `${own}\n${stderr}`).toBe(0);
      return stdout + stderr;
    }

    /** Copies a file between nodes. */
    const carry = (from: Number, file: string, to: Number): Promise<string> =>
      shell(machine, 'cp "$0" "$1/"', path.join(homeOf(from), file), homeOf(to));

    /** The statuses with which each node validates a token that each issued. */
    async function acrossNodes(): Promise<unknown[]> {
      const found = [];
      for (const from of NUMBERS) {
        const token = await issueToken(machine, urlOf(from), load.password);
        const headers = { 'x-auth-token': token, 'x-subject-token': token };
        for (const to of NUMBERS) {
          const answer = await send(machine, { method: 'GET', url: `${urlOf(to)}/auth/tokens`, headers });
          found.push(answer.status);
        }
      }
      return [...new Set(found)];
    }

    /** Lets clients work behind HAProxy during `work`, and expects that none of them notices it. */
    async function expectUnnoticed(
      work: () => Promise<unknown>,
      kind: Load['work'] = 'tokens',
    ): Promise<Loaded> {
      const { loaded } = await loadMixedMeanwhile(machine, { ...load, work: kind }, work);
      console.log(
        `${loaded.requests} requests in ${loaded.seconds.toFixed(1)} s, ${loaded.wrong.length} failed`,
      );
      expect(loaded.wrong).toEqual([]);
      expect(loaded.requests).toBeGreaterThan(CLIENTS);
      return loaded;
    }

    beforeAll(async () => {
      const addresses = [PROXY, ...NUMBERS.map((number) => `10.0.0.${number}`)];
      ({ machine, server } = await startServerMachine('postgresql', addresses, { packages: ['haproxy'] }));
      await server.make('keystone');
      const inMachine = (file: string): string => path.join(machine.root, file);
      for (const number of NUMBERS) {
        await mkdir(inMachine(homeOf(number)));
        await copyFile(inMachine(PASSWORD_FILE), inMachine(`${homeOf(number)}/database-password`));
        await copyFile(inMachine(AUTHORITY), inMachine(`${homeOf(number)}/database-ca.pem`));
      }
      for (const file of [earlierTarball(), tarball()]) {
        const { release } = await unpack(machine, homeOf(1), { from: file });
        for (const number of NUMBERS.slice(1))
          await shell(machine, 'cp -al "$0" "$1"', release, homeOf(number));
      }
      const ca = await makeCertificate(machine, '/etc/haproxy/id.example.org', [PROXY]);
      const both = 'cat "$0.key" >>"$0.pem" && haproxy -c -f /etc/haproxy/haproxy.cfg';
      const [configuration = ''] = await documentedBlocks('nodes.md', 'haproxy');
      await writeFile(inMachine('/etc/haproxy/haproxy.cfg'), configuration);
      await shell(machine, both, '/etc/haproxy/id.example.org');
      load = { url: `https://${PROXY}/v3`, ca, password: '', clients: CLIENTS, pause: 1000 };
      return () => machine.destroy();
    });

    it('join by the commands of the page', async () => {
      const [first = '', pair = '', sealing = '', joining = ''] = await documentedBlocks(
        'nodes.md',
        'sh',
        'Let nodes join',
      );
      await run(former(1), first, { number: 1 });
      const password = await adminPassword(former(1));
      load = { ...load, password };
      for (const number of [2, 3] as const) {
        await run(former(number), pair, { number });
        await carry(number, `node${number}.pem`, 1);
        await run(former(1), sealing, { number, home: homeOf(1) });
        await carry(1, `node${number}.cms`, number);
        await carry(1, `${releaseName(earlierTarball())}/instance/admin-password`, number);
        await run(former(number), joining, { number });
      }
      expect(await acrossNodes()).toEqual([200]);
      for (const number of NUMBERS) await install(former(number), ['status']);
      await shell(machine, 'haproxy -D -f /etc/haproxy/haproxy.cfg');
      const asked = { method: 'GET', url: `https://${PROXY}/v3`, ca: load.ca ?? '' } as const;
      expect((await send(machine, asked)).status).toBe(200);
    });

    it('are upgraded one after the other, and clients do not notice', async () => {
      const [upgrade = ''] = await documentedBlocks('nodes.md', 'sh', 'Upgrade');
      await expectUnnoticed(async () => {
        for (const number of exhaustive ? ([2, 3, 1] as const) : ([2] as const))
          expect(await run(present(number), upgrade, { number })).toContain('the data can stay as it is');
      });
      expect(await acrossNodes()).toEqual([200]);
    });

    it.runIf(exhaustive)(
      'go back to the former release one by one, and what was written meanwhile stays',
      async () => {
        const token = await issueToken(machine, urlOf(1), load.password);
        const headers = { 'content-type': 'application/json', 'x-auth-token': token };
        const body = JSON.stringify({ project: { name: 'written-meanwhile' } });
        const made = await send(machine, { method: 'POST', url: `${urlOf(1)}/projects`, headers, body });
        expect(made.status).toBe(201);
        const back = await install(present(2), ['rollback']);
        expect(back.stderr).toContain('stays as it is');
        const url = `${urlOf(2)}/projects?name=written-meanwhile`;
        expect((await send(machine, { method: 'GET', url, headers })).body).toContain('written-meanwhile');
        expect(await acrossNodes()).toEqual([200]);
        await install(present(2), ['upgrade', '--from', former(2).release]);
      },
    );

    it.runIf(exhaustive)(
      'are not restored from a backup, nor given other tables, while others use the database',
      async () => {
        const { stdout } = await install(present(2), ['backup']);
        const restored = await bootstrap(present(2), ['restore', stdout.trim()]);
        expect(restored.exitCode).toBe(3);
        expect(restored.stderr).toContain('other nodes use the data of this one');
        const version = (from: string, to: string): Promise<string> =>
          server.query(
            'keystone',
            `UPDATE alembic_version SET version_num = '${to}' WHERE version_num = '${from}'`,
          );
        await version('742c857f1dfb', 'e8725d6fa226');
        const other = await bootstrap(present(2), ['status']);
        await version('e8725d6fa226', '742c857f1dfb');
        expect(other.exitCode).toBe(8);
        expect(other.stderr).toContain('of another version than this release');
      },
    );

    it('neither export an incomplete set of keys nor import one, and say what to do', async () => {
      const { instance } = present(2);
      const recipient = `${homeOf(2)}/node2-with-key.pem`;
      const keys = 'cd "$0/keys/fernet" && sha256sum *';
      const before = await shell(machine, keys, instance);
      const seal =
        'printf %s "{}" >"$0/empty" && openssl cms -encrypt -binary -aes256 -outform DER -in "$0/empty" -out "$0/empty.cms" "$0/node2.pem"';
      expect((await runOnHost(['sh', '-c', seal, path.join(machine.root, homeOf(2))])).exitCode).toBe(0);
      const taken = await bootstrap(present(2), [
        'keys',
        'import',
        `${homeOf(2)}/empty.cms`,
        `--recipient=${recipient}`,
      ]);
      expect(taken.exitCode).toBe(3);
      expect(taken.stderr).toContain('no complete set of keys');
      expect(taken.stderr).toContain('export the keys on a node whose status names no problem');
      expect(await shell(machine, keys, instance)).toBe(before);
      await shell(
        machine,
        'mv "$0/keys/fernet" /srv/kept && mkdir -m 700 "$0/keys/fernet" && chown --reference=/srv/kept "$0/keys/fernet"',
        instance,
      );
      const given = await bootstrap(present(2), [
        'keys',
        'export',
        `${homeOf(2)}/none.cms`,
        `--recipient=${homeOf(2)}/node2.pem`,
      ]);
      const told = await bootstrap(present(2), ['status']);
      await shell(machine, 'rmdir "$0/keys/fernet" && mv /srv/kept "$0/keys/fernet"', instance);
      expect(given.exitCode).toBe(3);
      expect(given.stderr).toContain('keys are missing or empty');
      expect(told.exitCode).toBe(8);
      expect(told.stderr).toContain('keys are missing or empty');
      await install(present(2), ['status']);
    });

    it.runIf(exhaustive)(
      "name a key that is not the service's for a moment, with the command that gives it back",
      async () => {
        const { instance } = present(2);
        const owner = await shell(
          machine,
          'stat -c %U "$0/keys/fernet/0" && chown root "$0/keys/fernet/0"',
          instance,
        );
        const told = await bootstrap(present(2), ['status']);
        expect(told.exitCode).toBe(8);
        expect(told.stderr).toContain('the service cannot read its keys');
        expect(told.stderr).toContain(`chown -R ${owner.trim()} `);
        await shell(machine, 'chown "$1" "$0/keys/fernet/0"', instance, owner.trim());
        await install(present(2), ['status']);
        expect(await acrossNodes()).toEqual([200]);
      },
    );

    it('refuse a token that another one revoked, and show what another one changed, at once', async () => {
      const own = await issueToken(machine, urlOf(1), load.password);
      const headers = { 'content-type': 'application/json', 'x-auth-token': own };
      const statusOf = async (number: Number, token: string): Promise<unknown> => {
        const url = `${urlOf(number)}/auth/tokens`;
        return (
          await send(machine, { method: 'GET', url, headers: { ...headers, 'x-subject-token': token } })
        ).status;
      };
      const token = await issueToken(machine, urlOf(1), load.password);
      const made = await send(machine, {
        method: 'POST',
        url: `${urlOf(1)}/projects`,
        headers,
        body: JSON.stringify({ project: { name: 'shown-at-once', description: 'old' } }),
      });
      const { project } = JSON.parse(made.body ?? '') as { project: { id: string } };
      const described = async (): Promise<unknown[]> =>
        await Promise.all(
          NUMBERS.map(async (number) => {
            const answer = await send(machine, {
              method: 'GET',
              url: `${urlOf(number)}/projects/${project.id}`,
              headers,
            });
            return (JSON.parse(answer.body ?? '') as { project: { description: string } }).project
              .description;
          }),
        );
      for (const number of NUMBERS) expect(await statusOf(number, token)).toBe(200);
      expect(await described()).toEqual(['old', 'old', 'old']);
      const revoked = { ...headers, 'x-subject-token': token };
      expect(
        (await send(machine, { method: 'DELETE', url: `${urlOf(1)}/auth/tokens`, headers: revoked })).status,
      ).toBe(204);
      const body = JSON.stringify({ project: { description: 'new' } });
      const url = `${urlOf(2)}/projects/${project.id}`;
      expect((await send(machine, { method: 'PATCH', url, headers, body })).status).toBe(200);
      for (const number of NUMBERS) expect(await statusOf(number, token)).toBe(404);
      expect(await described()).toEqual(['new', 'new', 'new']);
    });

    it.runIf(exhaustive)('serve with the keys that they have while those on the disk are gone', async () => {
      const { instance } = present(2);
      const kept = ['-r "$0/keys/fernet" /srv/kept', '"$0"/keys/fernet/*'];
      expect(await acrossNodes()).toEqual([200]);
      await shell(machine, `cp -a ${kept[0] ?? ''} && rm ${kept[1] ?? ''}`, instance);
      expect(await acrossNodes()).toEqual([200]);
      const told = await bootstrap(present(2), ['status']);
      await shell(machine, 'cp -a /srv/kept/. "$0/keys/fernet/"', instance);
      expect(told.exitCode).toBe(8);
      expect(told.stderr).toContain('keys are missing or empty');
      await install(present(2), ['status']);
    });
  },
);
