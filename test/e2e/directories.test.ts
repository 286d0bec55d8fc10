import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  AD_SUFFIX,
  LDAP,
  LDAPS,
  PEOPLE,
  person,
  reader,
  startDirectoryMachine,
  SUFFIX,
  type DirectoryServer,
} from './support/directory-server.ts';
import { send, sendMeanwhile, type HttpAnswer, type HttpRequest } from './support/http.ts';
import type { Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ANOTHER, AUTHORITY, PASSWORD, PASSWORD_FILE } from './support/server-secrets.ts';
import {
  ADDRESS,
  adminPassword,
  bootstrap,
  install,
  issueToken,
  logIn,
  openstack,
  refusalOf,
  unpack,
  type Site,
} from './support/site.ts';
import { shell } from './support/succeed.ts';

const lacking = await whyNoMachines(['openssl']);
const URL = `http://${ADDRESS}:5000/v3`;
const JSON_TYPE = { 'content-type': 'application/json' };

interface Options {
  readonly url?: string;
  readonly suffix?: string;
  readonly password?: string;
  readonly authority?: string;
}

function options({
  url = LDAPS,
  suffix = SUFFIX,
  password = PASSWORD_FILE,
  authority = AUTHORITY,
}: Options = {}): string[] {
  return [
    `--host=${ADDRESS}`,
    `--ldap-url=${url}`,
    `--ldap-bind-dn=${reader(suffix)}`,
    `--ldap-password-file=${password}`,
    `--ldap-ca=${authority}`,
    `--ldap-suffix=${suffix}`,
  ];
}

/** A request for a token of a directory user. */
function login(name: string, password: string, domain = 'ldap'): HttpRequest {
  const user = { name, domain: { name: domain }, password };
  const body = JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } } } });
  return { method: 'POST', url: `${URL}/auth/tokens`, headers: JSON_TYPE, body };
}

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `Keystone with users of an LDAP directory${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let server: DirectoryServer;
    let site: Site;

    beforeAll(async () => {
      ({ machine, server } = await startDirectoryMachine([ADDRESS]));
      site = await unpack(machine, '/srv');
      return () => machine.destroy();
    });

    const refusal = (parameters: readonly string[]): Promise<string> => refusalOf(site, parameters);

    const status = async (request: HttpRequest): Promise<number | string | undefined> => {
      const answer = await send(machine, request);
      return answer.fault ?? answer.status;
    };

    async function listUsers(domain: string): Promise<readonly string[]> {
      const listed = await openstack(site, ['user', 'list', '--domain', domain, '-f', 'value', '-c', 'Name']);
      expect(listed.exitCode, listed.stderr).toBe(0);
      return listed.stdout.trim().split('\n');
    }

    const workers = async (): Promise<number[]> =>
      (await machine.processes()).filter(({ name }) => name === 'httpd').map(({ pid }) => pid);

    it('is not installed with a wrong password, another authority, a missing entry, or an unreachable server', async () => {
      const wrong = '/srv/wrong';
      await writeFile(path.join(machine.root, wrong), 'wrong\n');
      expect(await refusal(options({ password: wrong }))).toContain('the directory refuses the account');
      for (const parameters of [
        options({ authority: ANOTHER }),
        [...options({ url: LDAP, authority: ANOTHER }), '--ldap-starttls'],
        options({ url: `ldaps://${ADDRESS}` }),
      ]) {
        expect(await refusal(parameters)).toContain('no protected connection to the directory');
      }
      const missing = await refusal([...options(), `--ldap-user-base=ou=nowhere,${SUFFIX}`]);
      expect(missing).toContain('does not have an entry');
      expect(missing).toContain(`ou=nowhere,${SUFFIX}`);
      await server.kill();
      expect(await refusal(options())).toContain('the directory cannot be reached');
      await server.start();
      await server.pause();
      expect(await refusal(options())).toContain('the directory cannot be reached');
      await server.resume();
    });

    it('reports problems in a plan, and shows its configuration without the password', async () => {
      const wrong = await bootstrap(site, ['plan', ...options({ authority: ANOTHER })]);
      expect(wrong.exitCode).toBe(3);
      expect(wrong.stderr).toContain('no protected connection to the directory');
      const planned = await bootstrap(site, ['plan', ...options()]);
      expect(planned.exitCode, planned.stderr).toBe(0);
      expect(planned.stdout).toContain('etc/domains/keystone.ldap.conf');
      expect(planned.stdout + planned.stderr).not.toContain(PASSWORD);
    });

    it('lets users of the directory in, and nobody with a wrong password', async () => {
      await install(site, options());
      const { name, password } = person(4711);
      expect(await status(login(name, password))).toBe(201);
      expect(await status(login(name, 'wrong'))).toBe(401);
      expect(await status(login(name, ''))).toBe(401);
      expect(await status(login('nobody', 'wrong'))).toBe(401);
      expect((await logIn(machine, URL, await adminPassword(site))).status).toBe(201);
      expect((await install(site, [])).stderr).toContain('nothing to change');
    });

    it("lists ten thousand users, and the directory's groups", async () => {
      const names = await listUsers('ldap');
      expect(names).toHaveLength(PEOPLE);
      expect(names).toContain(person(PEOPLE).name);
      const grant = ['role', 'add', '--project', 'admin', '--group', 'operators', '--group-domain', 'ldap'];
      expect((await openstack(site, [...grant, 'member'])).exitCode).toBe(0);
      const { name, password } = person(1);
      const scope = { project: { name: 'admin', domain: { id: 'default' } } };
      const unscoped = login(name, password);
      const { auth } = JSON.parse(unscoped.body ?? '') as { readonly auth: object };
      const scoped = { ...unscoped, body: JSON.stringify({ auth: { ...auth, scope } }) };
      const answer = await send(machine, scoped);
      expect(answer.status, answer.body).toBe(201);
      const { token } = JSON.parse(answer.body ?? '') as {
        readonly token: { readonly roles: readonly { readonly name: string }[] };
      };
      expect(token.roles.map((role) => role.name)).toContain('member');
    });

    it('never shows the password', async () => {
      const readers =
        'cd "$0" && grep -rlF -f "$1" . /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true';
      await expect(shell(machine, readers, site.instance, PASSWORD_FILE)).resolves.toBe(
        './keys/ldap-password',
      );
      const rights = 'cd "$0" && stat -c "%a %U" etc/domains/keystone.ldap.conf keys/ldap-password';
      await expect(shell(machine, rights, site.instance)).resolves.toBe('640 root\n640 root');
      const shown = await bootstrap(site, ['show-config']);
      expect(shown.stdout).toContain('ldap-url');
      expect(shown.stdout + shown.stderr).not.toContain(PASSWORD);
    });

    it('answers 503 while the directory is unreachable, lets local users in, and needs no restart', async () => {
      const before = await workers();
      const { name, password } = person(2);
      const administrator = await adminPassword(site);
      const { answers, result } = await sendMeanwhile(machine, login(name, password), async () => {
        await issueToken(machine, URL, administrator);
        await server.kill();
        const told = await bootstrap(site, ['status']);
        for (let attempt = 0; attempt < 5; attempt += 1) await issueToken(machine, URL, administrator);
        await server.start();
        for (let attempt = 0; attempt < 5; attempt += 1) await issueToken(machine, URL, administrator);
        return told;
      });
      expect(expectAway(answers)).toBeGreaterThan(0);
      expect(result.exitCode).toBe(8);
      expect(result.stderr).toContain('the directory cannot be reached');
      expect(await workers()).toStrictEqual(before);
      for (let attempt = 0; attempt < 8; attempt += 1) {
        expect(await status(login(name, password))).toBe(201);
      }
      expect((await bootstrap(site, ['status'])).exitCode).toBe(0);
    });

    it('does not wait for a directory that does not respond', async () => {
      const { name, password } = person(3);
      const administrator = await adminPassword(site);
      const work = async (): Promise<void> => {
        await server.pause();
        for (let attempt = 0; attempt < 10; attempt += 1) await issueToken(machine, URL, administrator);
        while ((await status(login(name, password))) === 201) await setTimeout(100);
        await server.resume();
        while ((await status(login(name, password))) !== 201) await setTimeout(100);
        for (let attempt = 0; attempt < 10; attempt += 1) await issueToken(machine, URL, administrator);
      };
      // A login that was under way may still fail.
      const { answers } = await sendMeanwhile(machine, { ...login(name, password), recovers: true }, work);
      expect(expectAway(answers)).toBeGreaterThan(0);
    });

    /** Expects only 503, in time, while it was away, and no failure later. Returns the number of later answers. */
    function expectAway(answers: readonly HttpAnswer[]): number {
      const failed = answers.filter((answer) => answer.status !== 201);
      expect(failed.length).toBeGreaterThan(0);
      expect([...new Set(failed.map((answer) => answer.fault ?? answer.status))]).toStrictEqual([503]);
      for (const { headers, body, milliseconds } of failed) {
        expect(headers).toMatchObject({ 'retry-after': '10', 'content-type': 'application/json' });
        expect(JSON.parse(body ?? '')).toMatchObject({ error: { code: 503 } });
        expect(body).toContain('directory');
        expect(milliseconds).toBeLessThan(30_000);
      }
      const last = answers.findLastIndex((answer) => answer.status !== 201);
      return answers.slice(last + 1).length;
    }

    it('starts without its directory, and uses it once it is reachable', async () => {
      const { name, password } = person(5);
      await server.kill();
      expect((await bootstrap(site, ['restart'])).exitCode).toBe(0);
      expect(await status(login(name, password))).toBe(503);
      await server.start();
      expect(await status(login(name, password))).toBe(201);
    });

    it('changes to STARTTLS while it serves', async () => {
      await install(site, [`--ldap-url=${LDAP}`, '--ldap-starttls']);
      const { name, password } = person(6);
      for (let attempt = 0; attempt < 4; attempt += 1) {
        expect(await status(login(name, password))).toBe(201);
        expect(await status(login(name, 'wrong'))).toBe(401);
      }
      expect(await listUsers('ldap')).toHaveLength(PEOPLE);
    });

    it("serves a second directory, configured in the operator's file, which is kept", async () => {
      const file = path.join(site.instance, 'etc/domains/keystone.old.conf');
      const copy =
        'sed "s/^page_size.*/page_size = 500/" "$0/etc/domains/keystone.ldap.conf" >"$1"; chgrp nogroup "$1"';
      await shell(machine, `${copy}; chmod 640 "$1"`, site.instance, file);
      expect((await openstack(site, ['domain', 'create', 'old'])).exitCode).toBe(0);
      const corp = options({ suffix: AD_SUFFIX });
      await install(site, [...corp, '--ldap-starttls=', '--ldap-schema=ad', '--ldap-domain=corp']);
      await shell(
        machine,
        'test -e "$0" && ! test -e "$1/etc/domains/keystone.ldap.conf"',
        file,
        site.instance,
      );
      expect(await status(login('alice', 'of alice', 'corp'))).toBe(201);
      expect(await status(login('ALICE', 'of alice', 'corp'))).toBe(201);
      expect(await status(login('bob', 'of bob', 'corp'))).toBe(401);
      expect(await listUsers('corp')).toStrictEqual(['alice', 'bob']);
      const group = await openstack(site, [
        'group',
        'show',
        '--domain',
        'corp',
        'ops',
        '-f',
        'value',
        '-c',
        'id',
      ]);
      const members = [
        'user',
        'list',
        '--domain',
        'corp',
        '--group',
        group.stdout.trim(),
        '-f',
        'value',
        '-c',
        'Name',
      ];
      const listed = await openstack(site, members);
      expect(listed.stdout.trim(), listed.stderr).toBe('alice');
      const { name, password } = person(7);
      expect(await status(login(name, password, 'old'))).toBe(201);
    });

    it('no longer uses a directory when the answer is removed', async () => {
      await install(
        site,
        ['url', 'bind-dn', 'ca', 'suffix', 'schema', 'domain'].map((name) => `--ldap-${name}=`),
      );
      expect(await status(login('alice', 'of alice', 'corp'))).toBe(401);
      expect((await logIn(machine, URL, await adminPassword(site))).status).toBe(201);
      await expect(shell(machine, 'cd "$0" && ls etc/domains keys', site.instance)).resolves.not.toContain(
        'ldap',
      );
    });
  },
);
