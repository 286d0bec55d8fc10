import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { run as runOnHost } from '../../src/io/process.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { earlierTarball, releaseName, tarball } from './support/bundle.ts';
import { makeCertificate } from './support/certificate.ts';
import { startServerMachine, type DatabaseServer } from './support/database-servers.ts';
import { documentedBlocks } from './support/documented.ts';
import { send } from './support/http.ts';
import { killAll, type Machine } from './support/machine.ts';
import { loadMixedMeanwhile, type Load, type Loaded } from './support/mixed-load.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { AUTHORITY, PASSWORD_FILE } from './support/server-secrets.ts';
import {
  adminPassword,
  bootstrap,
  install,
  issueToken,
  siteAt,
  statusesAcross,
  unpack,
  type Site,
} from './support/site.ts';
import { shell } from './support/succeed.ts';
import { FORMER_SCHEMA } from './support/tested-bundle.ts';

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

    const acrossNodes = (): Promise<unknown[]> => statusesAcross(machine, NUMBERS.map(urlOf), load.password);

    /** Lets a node join the first one, of the same release, by the commands of the page. */
    async function join(node: (number: Number) => Site, number: 2 | 3): Promise<void> {
      const [, pair = '', sealing = '', joining = ''] = await documentedBlocks(
        'nodes.md',
        'sh',
        'Let nodes join',
      );
      await run(node(number), pair, { number });
      await carry(number, `node${number}.pem`, 1);
      await shell(machine, 'rm -f "$0"', `${homeOf(1)}/node${number}.cms`);
      await run(node(1), sealing, { number, home: homeOf(1) });
      await carry(1, `node${number}.cms`, number);
      await carry(1, path.relative(homeOf(1), `${node(1).instance}/admin-password`), number);
      await run(node(number), joining, { number });
    }

    /** Requests that a node has answered: those of health checks, and of clients. */
    async function answered(number: Number): Promise<{ readonly refused: number; readonly served: number }> {
      const log = path.join(machine.root, present(number).instance, 'log/httpd-access.log');
      const lines = (await readFile(log, 'utf8')).split('\n');
      const checks = lines.filter((line) => line.includes(' /healthcheck '));
      const refused = checks.filter((line) => line.includes('" 503 ')).length;
      return { refused, served: lines.length - checks.length };
    }

    /** Waits until HAProxy has noticed, and no client was answered during two more checks. */
    async function untilOutOfService(number: Number): Promise<void> {
      let last = await answered(number);
      const enough = last.refused + 2;
      for (let quiet = 0; quiet < 2;) {
        await setTimeout(100);
        const now = await answered(number);
        if (now.refused === last.refused) continue;
        quiet = now.refused > enough && now.served === last.served ? quiet + 1 : 0;
        last = now;
      }
    }

    /** Waits until clients are answered again. */
    async function untilInService(number: Number): Promise<void> {
      const { served } = await answered(number);
      while ((await answered(number)).served <= served) await setTimeout(100);
    }

    async function kill(number: Number): Promise<void> {
      const found = await machine.processes();
      const own = found.filter(({ program }) => program.includes(`${homeOf(number)}/`));
      expect(own).not.toEqual([]);
      killAll(own);
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
      const [first = ''] = await documentedBlocks('nodes.md', 'sh', 'Let nodes join');
      await run(former(1), first, { number: 1 });
      const password = await adminPassword(former(1));
      load = { ...load, password };
      for (const number of [2, 3] as const) await join(former, number);
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

    it.runIf(exhaustive)(
      'of other tables refuse an upgrade one by one, and are upgraded in the order of the page',
      async () => {
        for (const number of NUMBERS) await install(present(number), ['rollback']);
        // As if their release had the tables of the one before it: the last migration is undone.
        await server.query('keystone', FORMER_SCHEMA);
        const refused = await bootstrap(present(2), ['upgrade', '--from', former(2).release]);
        expect(refused.exitCode).toBe(3);
        expect(refused.stderr).toContain('until they are uninstalled and forgotten');
        for (const number of [2, 3] as const) {
          await install(former(number), ['uninstall', '--purge', '--yes']);
          const node = `SELECT name FROM ksbundle_node WHERE name LIKE '%${homeOf(number)}%'`;
          const name = (await server.query('keystone', node)).trim();
          await install(former(1), ['keys', 'forget', name]);
        }
        await install(present(1), ['upgrade', '--from', former(1).release]);
        const version = "SELECT version_num FROM alembic_version WHERE version_num = '742c857f1dfb'";
        expect(await server.query('keystone', version)).toContain('742c857f1dfb');
        for (const number of [2, 3] as const) await join(present, number);
        expect(await acrossNodes()).toEqual([200]);
        for (const number of NUMBERS) await install(present(number), ['status']);
      },
    );

    it.runIf(exhaustive)('rotate keys by the commands of the page, and clients do not notice', async () => {
      const [copying = ''] = await documentedBlocks('nodes.md', 'sh', 'Rotate keys');
      const [exporting = '', importing = ''] = copying.split('\n');
      await expectUnnoticed(async () => {
        for (const _ of [1, 2]) {
          await install(present(1), ['keys', 'rotate']);
          expect((await bootstrap(present(1), ['keys', 'rotate'])).exitCode).toBe(3);
          for (const number of [2, 3] as const) {
            await run(present(1), exporting, { number, home: homeOf(1) });
            await carry(1, `node${number}.cms`, number);
            await run(present(number), importing, { number });
          }
        }
      });
      expect(await acrossNodes()).toEqual([200]);
    });

    it.runIf(exhaustive)('refuse a node with foreign keys, and clients do not notice', async () => {
      const release = present(2).release;
      const stranger = { machine, release, instance: '/srv/stranger' };
      const guest = { machine, release, instance: '/srv/guest' };
      const own = [`--instance=${stranger.instance}`, '--port=127.0.0.1:5010', '--processes=1'];
      await expectUnnoticed(async () => {
        await install(stranger, own);
        const sealing = ['keys', 'export', '/srv/foreign.cms', `--recipient=${homeOf(2)}/node2.pem`];
        await install(stranger, [...sealing, `--instance=${stranger.instance}`]);
        const opening = ['keys', 'import', '/srv/foreign.cms', `--recipient=${homeOf(2)}/node2-with-key.pem`];
        await install(guest, [...opening, `--instance=${guest.instance}`, '--port=127.0.0.1:5011']);
        const refused = await bootstrap(guest, [
          `--instance=${guest.instance}`,
          '--port=127.0.0.1:5011',
          '--processes=1',
          `--database-url=${server.url('keystone')}`,
          `--database-password-file=${PASSWORD_FILE}`,
          `--database-ca=${AUTHORITY}`,
          `--admin-password-file=${homeOf(2)}/admin-password`,
        ]);
        expect(refused.exitCode).toBe(3);
        expect(refused.stderr).toContain('it lacks the keys of those that did');
      });
      await install(stranger, ['uninstall', '--purge', '--yes', `--instance=${stranger.instance}`]);
      const rows = await server.query('keystone', 'SELECT count(*) FROM ksbundle_node');
      expect(rows.trim()).toBe('3');
    });

    it.runIf(exhaustive)(
      'restart and die out of service, as the page says, while clients write and do not notice',
      async () => {
        const [check = ''] = await documentedBlocks('nodes.md', 'ini', 'HAProxy');
        const markOf = (number: Number): string => `/run/keystone-${number}-out-of-service`;
        for (const number of NUMBERS) {
          const own = check.replace('/run/keystone-out-of-service', markOf(number));
          const place = `${present(number).instance}/etc/keystone.conf.d/healthcheck.conf`;
          await writeFile(path.join(machine.root, place), own);
        }
        await expectUnnoticed(async () => {
          // The file has no effect on a node before its first restart.
          for (const number of NUMBERS) await install(present(number), ['restart']);
        });
        const { requests } = await expectUnnoticed(async () => {
          for (const number of NUMBERS) {
            await shell(machine, 'touch "$0"', markOf(number));
            await untilOutOfService(number);
            if (number === 2) await kill(number);
            await install(present(number), [number === 2 ? 'start' : 'restart']);
            await shell(machine, 'rm "$0"', markOf(number));
            await untilInService(number);
          }
        }, 'mixed');
        expect(requests).toBeGreaterThan(100);
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
