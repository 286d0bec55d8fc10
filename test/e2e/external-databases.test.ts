import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { startServerMachine, type DatabaseServer, type ServerKind } from './support/database-servers.ts';
import { send, sendMeanwhile } from './support/http.ts';
import type { Machine } from './support/machine.ts';
import { expectMessage } from './support/mistakes.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ANOTHER, AUTHORITY, PASSWORD, PASSWORD_FILE } from './support/server-secrets.ts';
import {
  ADDRESS,
  adminPassword,
  bootstrap,
  install,
  issueToken,
  logIn,
  openstack,
  passwordLogin,
  refusalOf,
  unpack,
  type Site,
} from './support/site.ts';
import { shell } from './support/succeed.ts';

const lacking = await whyNoMachines(['openssl']);
const URL = `http://${ADDRESS}:5000/v3`;
const KINDS: readonly ServerKind[] = ['mariadb', 'postgresql'];

/* For each kind of server, the tests build on each other, in order. */
describe.skipIf(lacking !== undefined).each(KINDS)(
  `Keystone on an operator's server: %s${lacking === undefined ? '' : ` (${lacking})`}`,
  (kind) => {
    let machine: Machine;
    let server: DatabaseServer;
    let site: Site;

    beforeAll(async () => {
      ({ machine, server } = await startServerMachine(kind, [ADDRESS]));
      for (const database of ['identity', 'others']) await server.make(database);
      await server.query('others', 'CREATE TABLE something (a integer)');
      site = await unpack(machine, '/srv');
      return () => machine.destroy();
    });

    const options = (url: string, { password = PASSWORD_FILE, authority = AUTHORITY } = {}): string[] => [
      `--host=${ADDRESS}`,
      `--database-url=${url}`,
      `--database-password-file=${password}`,
      `--database-ca=${authority}`,
    ];

    const tables = async (): Promise<number> => {
      const schema = kind === 'mariadb' ? "'identity'" : "'public'";
      const counted = `SELECT count(*) FROM information_schema.tables WHERE table_schema = ${schema}`;
      return Number((await server.query('identity', counted)).trim());
    };

    async function refusal(parameters: readonly string[]): Promise<string> {
      const message = await refusalOf(site, parameters);
      expect(await tables()).toBe(0);
      return message;
    }

    it('is not installed with a wrong password, a foreign or missing database, or a wrong or unreachable server', async () => {
      const wrong = '/srv/wrong';
      await writeFile(path.join(machine.root, wrong), 'wrong\n');
      const identity = server.url('identity');
      const rejected = options(identity, { password: wrong });
      const said = await refusal(rejected);
      expect(said).toContain('refuses the account');
      const show = async (title: string, stderr: string): Promise<void> => {
        const command = ['init/bootstrap.sh', ...rejected];
        if (kind === 'mariadb') await expectMessage({ title, command, result: { exitCode: 3, stderr } });
      };
      await show('the password of the database is wrong', said);
      expect(await refusal(options(identity, { authority: ANOTHER }))).toContain('no protected connection');
      expect(await refusal(options(server.url('others')))).toContain('is not empty');
      expect(await refusal(options(server.url('nothing')))).toContain('has no such database');
      await server.kill();
      const away = await bootstrap(site, options(identity));
      expect(away.exitCode).toBe(3);
      expect(away.stderr).toContain('cannot be reached');
      await show('the database is unreachable', away.stderr);
      await server.start();
    });

    it('reports problems in a plan, and changes nothing', async () => {
      const planned = await bootstrap(site, ['plan', ...options(server.url('others'))]);
      expect(planned.exitCode).toBe(3);
      expect(planned.stderr).toContain('is not empty');
    });

    it('finishes an install that lost its server in the middle', async () => {
      const cut = bootstrap(site, options(server.url('identity')));
      const ended = cut.then(() => true);
      while ((await tables()) < 5 && !(await Promise.race([ended, setTimeout(10, false)])));
      await server.kill();
      const failed = await cut;
      expect(failed.exitCode, failed.stderr).toBe(7);
      expect(failed.stderr).not.toContain(PASSWORD);
      await server.start();
      expect(await tables()).toBeGreaterThan(0);
      await install(site, options(server.url('identity')));
    });

    it('issues tokens, and remembers its database', async () => {
      expect((await openstack(site, ['token', 'issue', '-f', 'value', '-c', 'id'])).exitCode).toBe(0);
      const again = await install(site, []);
      expect(again.stderr).toContain('nothing to change');
    });

    it('never shows the password', async () => {
      // From a file: on a command line, the search would match itself.
      const readers =
        'cd "$0" && grep -rlF -f "$1" . /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true';
      const quoted = '/srv/tls/quoted';
      await writeFile(path.join(machine.root, quoted), encodeURIComponent(PASSWORD));
      await expect(shell(machine, readers, site.instance, quoted)).resolves.toBe('./etc/keystone.conf');
      await expect(shell(machine, readers, site.instance, PASSWORD_FILE)).resolves.toBe(
        './keys/database-password',
      );
      const rights = 'cd "$0" && stat -c "%a %U" etc/keystone.conf keys/database-password';
      await expect(shell(machine, rights, site.instance)).resolves.toBe('640 root\n640 root');
    });

    it('keeps its data in its database, which no other instance takes over', async () => {
      const moved = await bootstrap(site, options(server.url('others')));
      expect(moved.exitCode).toBe(3);
      expect(moved.stderr).toContain('migrate-database --to');
      const second = await bootstrap(site, [
        ...options(server.url('identity')),
        '--instance=/srv/second',
        '--port=6000',
      ]);
      expect(second.exitCode).toBe(3);
      expect(second.stderr).toContain('the data of another Keystone');
    });

    it('answers 503 while the server is unreachable, and serves again without a restart', async () => {
      const before = (await machine.processes()).filter(({ name }) => name === 'httpd').map(({ pid }) => pid);
      const password = await adminPassword(site);
      const headers = { 'content-type': 'application/json' };
      const request = {
        method: 'POST',
        url: `${URL}/auth/tokens`,
        headers,
        body: passwordLogin(password),
      } as const;
      const { answers, result } = await sendMeanwhile(machine, request, async () => {
        await issueToken(machine, URL, password);
        await server.kill();
        const status = await bootstrap(site, ['status']);
        await server.start();
        await issueToken(machine, URL, password);
        return status;
      });
      const failed = answers.filter(({ status }) => status !== 201);
      expect(failed.length).toBeGreaterThan(0);
      expect([...new Set(failed.map(({ status, fault }) => fault ?? status))]).toStrictEqual([503]);
      for (const { headers: sent, body, milliseconds } of failed) {
        expect(sent).toMatchObject({ 'retry-after': '10', 'content-type': 'application/json' });
        expect(JSON.parse(body ?? '')).toMatchObject({ error: { code: 503 } });
        expect(milliseconds).toBeLessThan(10_000);
      }
      const last = answers.findLastIndex(({ status }) => status !== 201);
      expect(answers.slice(last + 1).length).toBeGreaterThan(0);
      expect(result.exitCode).toBe(8);
      expect(result.stderr).toContain('cannot be reached');
      const after = (await machine.processes()).filter(({ name }) => name === 'httpd').map(({ pid }) => pid);
      expect(after).toStrictEqual(before);
    });

    it('starts without its server, and serves once it is reachable', async () => {
      await server.kill();
      await bootstrap(site, ['restart']);
      const password = await adminPassword(site);
      const refused = await logIn(machine, URL, password);
      expect(refused.status).toBe(503);
      await server.start();
      expect((await logIn(machine, URL, password)).status).toBe(201);
    });

    it('accepts another password for the same database', async () => {
      const change =
        kind === 'mariadb'
          ? "SET PASSWORD FOR 'keystone'@'%' = PASSWORD('new')"
          : "ALTER ROLE keystone PASSWORD 'new'";
      await server.query(kind === 'mariadb' ? 'mysql' : 'postgres', change);
      const refused = await bootstrap(site, ['status']);
      expect(refused.stderr).toContain('refuses the account');
      const file = path.join(machine.root, PASSWORD_FILE);
      await writeFile(file, 'new\n');
      await install(site, ['--database-password-file', PASSWORD_FILE]);
      await rm(file);
      expect((await install(site, [])).stderr).toContain('nothing to change');
    });

    /* The servers differ in the other tests; `npm run test:exhaustive` runs this one on both. */
    describe.runIf(exhaustive || kind === 'postgresql')('and several nodes', () => {
      const SECOND = '/srv/second';
      const OTHER_URL = `http://${ADDRESS}:6000/v3`;
      const HOLDER = '/srv/tls/holder.pem';
      const second = (...parameters: readonly string[]): string[] => [...parameters, `--instance=${SECOND}`];

      /** The statuses of each node's token at the other node. */
      async function acrossNodes(): Promise<(number | undefined)[]> {
        const password = await adminPassword(site);
        const ways = [
          [URL, OTHER_URL],
          [OTHER_URL, URL],
        ] as const;
        return Promise.all(
          ways.map(async ([from, to]) => {
            const token = await issueToken(machine, from, password);
            const headers = { 'x-auth-token': token, 'x-subject-token': token };
            return (await send(machine, { method: 'GET', url: `${to}/auth/tokens`, headers })).status;
          }),
        );
      }

      async function exportKeys(file: string): Promise<void> {
        await install(site, ['keys', 'export', file, `--recipient=${AUTHORITY}`]);
      }

      it('lets a second node join that imported its encrypted keys', async () => {
        await writeFile(path.join(machine.root, PASSWORD_FILE), 'new\n');
        const join = second(
          ...options(server.url('identity')),
          '--port=6000',
          `--public-url=${URL}`,
          `--admin-password-file=${site.instance}/admin-password`,
        );
        const strange = await bootstrap(site, join);
        expect(strange.exitCode).toBe(3);
        expect(strange.stderr).toContain('keys import');
        await exportKeys('/srv/keys.cms');
        await expect(shell(machine, 'stat -c %a /srv/keys.cms')).resolves.toBe('600');
        await shell(
          machine,
          'cd /srv/tls && cat ca.pem ca.key >holder.pem && cat another.pem another.key >wrong.pem',
        );
        const taken = second('keys', 'import', '/srv/keys.cms', `--host=${ADDRESS}`, '--port=6000');
        const refused = await bootstrap(site, [...taken, '--recipient=/srv/tls/wrong.pem']);
        expect(refused.exitCode, refused.stderr).toBe(3);
        await install(site, [...taken, `--recipient=${HOLDER}`]);
        const alone = await bootstrap(site, second(`--host=${ADDRESS}`, '--port=6000'));
        expect(alone.exitCode).toBe(3);
        expect(alone.stderr).toContain('the keys are those of other nodes');
        await install(site, join);
        expect(await acrossNodes()).toEqual([200, 200]);
        for (const parameters of [['status'], second('status')]) await install(site, parameters);
      });

      it('rotates keys only when the other node knows the next ones, and tokens stay valid', async () => {
        expect((await install(site, ['keys', 'rotate'])).stdout).toContain('rotated the token keys');
        expect(await acrossNodes()).toEqual([200, 200]);
        const early = await bootstrap(site, ['keys', 'rotate']);
        expect(early.exitCode).toBe(3);
        expect(early.stderr).toContain(`:${SECOND} has not imported the next keys`);
        const due = 'touch -d "2 days ago" "$0/keys/fernet/0"';
        for (const instance of [site.instance, SECOND]) await shell(machine, due, instance);
        expect((await install(site, ['maintain'])).stdout).toContain('not rotated');
        expect((await install(site, second('maintain'))).stdout).not.toContain('rotated');
        expect((await install(site, ['status'])).stderr).toContain(
          `:${SECOND} has not imported the next keys`,
        );
        const old = await bootstrap(site, second('keys', 'import', '/srv/keys.cms', `--recipient=${HOLDER}`));
        expect(old.exitCode).toBe(3);
        expect(old.stderr).toContain('the present keys');
        await exportKeys('/srv/next.cms');
        await install(site, second('keys', 'import', '/srv/next.cms', `--recipient=${HOLDER}`));
        expect((await install(site, ['maintain'])).stdout).toContain('rotated the token keys');
        expect(await acrossNodes()).toEqual([200, 200]);
      });

      it('names a node with other keys, and lets rotations go on without a removed one', async () => {
        const key = Buffer.alloc(32, 1).toString('base64url') + '=';
        const spoil =
          'cp -a "$0/keys/fernet" /srv/kept && for key in "$0"/keys/fernet/*; do printf %s "$1" >"$key"; done';
        await shell(machine, spoil, SECOND, key);
        const strange = await bootstrap(site, second('status'));
        expect(strange.exitCode).toBe(8);
        expect(strange.stderr).toContain(`:${site.instance} has other keys than this one`);
        await exportKeys('/srv/last.cms');
        await install(site, second('keys', 'import', '/srv/last.cms', `--recipient=${HOLDER}`));
        await install(site, second('status'));
        expect(await acrossNodes()).toEqual([200, 200]);
        await install(site, ['keys', 'rotate']);
        const held = await bootstrap(site, ['keys', 'rotate']);
        const [, name = ''] = /the node (\S+) has not imported/.exec(held.stderr) ?? [];
        await install(site, second('stop'));
        await install(site, ['keys', 'forget', name]);
        expect((await install(site, ['keys', 'rotate'])).stdout).toContain('rotated');
      });
    });
  },
);
