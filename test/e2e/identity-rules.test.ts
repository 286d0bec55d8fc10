import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { setTimeout } from 'node:timers/promises';
import { ROOT } from './support/cli.ts';
import { send, type HttpAnswer } from './support/http.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, install, issueToken, unpack, type Site } from './support/site.ts';
import { shell } from './support/succeed.ts';

const lacking = await whyNoMachines();
const URL = `http://${ADDRESS}:5000/v3`;

/** The lines of docs/keystone.md that add one-time codes to the methods. */
async function documentedMethods(): Promise<string> {
  const page = await readFile(path.join(ROOT, 'docs/keystone.md'), 'utf8');
  const [, lines] = /^```ini\n(\[auth\]\n.*?)^```$/ms.exec(page) ?? [];
  if (lines === undefined) throw new Error('docs/keystone.md has no lines for [auth]');
  return lines;
}

const DOMAIN = { id: 'default' };

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `rules for passwords, and other ways to log in${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let admin: string;

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS]);
      site = await unpack(machine, '/srv');
      return () => machine.destroy();
    });

    const ask = (
      method: 'GET' | 'POST' | 'DELETE',
      at: string,
      { token, subject, body }: { token?: string; subject?: string; body?: unknown } = {},
    ): Promise<HttpAnswer> =>
      send(machine, {
        method,
        url: `${URL}/${at}`,
        headers: {
          'content-type': 'application/json',
          ...(token === undefined ? {} : { 'x-auth-token': token }),
          ...(subject === undefined ? {} : { 'x-subject-token': subject }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });

    const logIn = (identity: unknown): Promise<HttpAnswer> =>
      ask('POST', 'auth/tokens', { body: { auth: { identity } } });
    const withPassword = (name: string, password: string): Promise<HttpAnswer> =>
      logIn({ methods: ['password'], password: { user: { name, domain: DOMAIN, password } } });

    async function makeUser(name: string, password: string, options = {}): Promise<HttpAnswer> {
      const user = { name, password, domain_id: 'default', options };
      return ask('POST', 'users', { token: admin, body: { user } });
    }
    const idOf = ({ body }: HttpAnswer): string =>
      (JSON.parse(body ?? '') as { readonly user: { readonly id: string } }).user.id;
    const change = async (id: string, former: string, password: string): Promise<HttpAnswer> =>
      ask('POST', `users/${id}/password`, { body: { user: { original_password: former, password } } });

    /** As an administrator does. */
    const setPassword = async (user: string, password: string): Promise<string> =>
      shell(
        machine,
        '. "$0/admin-openrc.sh"; "$1/bin/openstack" user set --password "$2" "$3"',
        site.instance,
        site.release,
        password,
        user,
      );

    const section = async (): Promise<string> =>
      shell(machine, 'sed -n "/^.security_compliance/,/^$/p" "$0"', `${site.instance}/etc/keystone.conf`);

    it('refuses a first password that the preset does not allow, and shows its lines in a plan', async () => {
      await shell(machine, 'echo short1 >/srv/short');
      const weak = await bootstrap(site, ['--hardening=pci', '--admin-password-file=/srv/short']);
      expect(weak.exitCode).toBe(3);
      expect(weak.stderr).toContain('at least 12 characters');
      const planned = await install(site, ['plan', '--hardening=pci', '--lockout=3']);
      for (const line of [
        'lockout_failure_attempts = 3',
        'lockout_duration = 1800',
        'password_expires_days = 90',
      ])
        expect(planned.stdout).toContain(`+${line}`);
    });

    it('installs with the preset, from which its own users are exempt', async () => {
      const rules = ['--hardening=pci', '--lockout=3', '--lockout-duration=4'];
      const installed = await install(site, [`--host=${ADDRESS}`, '--demo', '--processes=2', ...rules]);
      expect(installed.stderr).toContain('than --hardening asks for');
      const demo = (await shell(machine, 'cat "$0/demo-password"', site.instance)).trim();
      expect((await withPassword('demo', demo)).status).toBe(201);
      const password = await adminPassword(site);
      for (let attempt = 0; attempt < 4; attempt += 1)
        expect((await withPassword('admin', 'wrong')).status).toBe(401);
      admin = await issueToken(machine, URL, password);
      const { body } = await ask('GET', 'users?name=admin', { token: admin });
      const [user] = (
        JSON.parse(body ?? '') as { users: { options: unknown; password_expires_at: unknown }[] }
      ).users;
      expect(user?.options).toEqual({
        ignore_lockout_failure_attempts: true,
        ignore_password_expiry: true,
        ignore_user_inactivity: true,
      });
    });

    it('refuses weak passwords, requires a change of first ones, and refuses to reuse former ones', async () => {
      const weak = await makeUser('weak', 'short1');
      expect(weak.status).toBe(400);
      expect(weak.body).toContain('at least 12 characters, with a letter and a digit');
      const made = await makeUser('person', 'the first one of 1');
      expect(made.status).toBe(201);
      const first = await withPassword('person', 'the first one of 1');
      expect(first.status).toBe(401);
      expect(first.body).toContain('expired');
      const id = idOf(made);
      expect((await change(id, 'the first one of 1', 'weak')).status).toBe(400);
      expect((await change(id, 'the first one of 1', 'a second one of 2')).status).toBe(204);
      expect((await withPassword('person', 'a second one of 2')).status).toBe(201);
      const again = await change(id, 'a second one of 2', 'a third one of 3');
      expect(again.status).toBe(400);
      expect(again.body).toContain('minimum');
      // After the administrator's reset, the user may change it at once, but not back.
      await setPassword('person', 'a third one of 3');
      const reused = await change(id, 'a third one of 3', 'the first one of 1');
      expect(reused.status).toBe(400);
      expect(reused.body).toContain('identical to a previous password');
      // The option applies to passwords that are set later.
      const exempt = { ignore_change_password_upon_first_use: true };
      expect((await makeUser('service', 'a service has 0', exempt)).status).toBe(201);
      expect((await withPassword('service', 'a service has 0')).status).toBe(401);
      await setPassword('service', 'a service has 1');
      expect((await withPassword('service', 'a service has 1')).status).toBe(201);
    });

    it('locks an account for as long as an answer says, whatever the preset', async () => {
      for (let attempt = 0; attempt < 3; attempt += 1)
        expect((await withPassword('service', 'wrong')).status).toBe(401);
      const locked = performance.now();
      expect((await withPassword('service', 'a service has 1')).status).toBe(401);
      while ((await withPassword('service', 'a service has 1')).status !== 201) {
        expect(performance.now() - locked).toBeLessThan(60_000);
        await setTimeout(500);
      }
    });

    it('removes the preset and adds it again: no user counts as inactive from before', async () => {
      await install(site, ['--hardening=none']);
      expect(await section()).not.toContain('password');
      expect((await makeUser('plain', 'short')).status).toBe(201);
      // As if all had been created and last used long ago.
      const past = `import sqlite3, sys
with sqlite3.connect(sys.argv[1], timeout=30) as database:
    database.execute("UPDATE user SET created_at = '2020-01-01 00:00:00', last_active_at = NULL")`;
      await shell(
        machine,
        '"$0/bin/python3" -c "$1" "$2/data/keystone.db"',
        site.release,
        past,
        site.instance,
      );
      const planned = await install(site, ['plan', '--hardening=pci']);
      expect(planned.stdout).toContain('+disable_user_account_days_inactive = 90');
      await install(site, ['--hardening=pci']);
      expect(await section()).toContain('unique_last_password_count = 5');
      expect((await makeUser('another', 'short')).status).toBe(400);
      for (const [name, password] of [
        ['plain', 'short'],
        ['service', 'a service has 1'],
      ] as const)
        expect((await withPassword(name, password)).status, name).toBe(201);
      expect((await install(site, [])).stderr).toContain('nothing to change');
    });

    /** Status of a token for its owner. */
    const validate = async (token: string): Promise<number | undefined> =>
      (await ask('GET', 'auth/tokens', { token: admin, subject: token })).status;
    /** Public keys, and the digest of the private one that signs. */
    const signingKeys = async (): Promise<{ readonly names: string[]; readonly digest: string }> => {
      const look = 'cd "$0/keys" && ls jws-public && sha256sum <jws-private/private.pem';
      const lines = (await shell(machine, look, site.instance)).trim().split('\n');
      return { names: lines.slice(0, -1), digest: lines.at(-1) ?? '' };
    };

    it('changes to signed tokens while it serves, warns about the others, and revokes', async () => {
      const encrypted = admin;
      const planned = await install(site, ['plan', '--token-provider=jws']);
      expect(planned.stderr).toContain('tokens that were issued until now become invalid');
      expect(planned.stdout).toContain('+provider = jws');
      await install(site, ['--token-provider=jws']);
      // The cache keeps earlier tokens for some minutes.
      await install(site, ['restart']);
      admin = await issueToken(machine, URL, await adminPassword(site));
      const header = Buffer.from(admin.split('.')[0] ?? '', 'base64url').toString();
      expect(JSON.parse(header)).toMatchObject({ alg: 'ES256' });
      expect(await validate(encrypted)).toBe(404);
      const token = await issueToken(machine, URL, await adminPassword(site));
      expect(await validate(token)).toBe(200);
      expect((await ask('DELETE', 'auth/tokens', { token: admin, subject: token })).status).toBe(204);
      expect(await validate(token)).toBe(404);
      const rights = 'cd "$0/keys" && stat -c "%a %U" jws-public jws-private jws-p*/* | sort -u';
      await expect(shell(machine, rights, site.instance)).resolves.toBe('600 nobody\n700 nobody');
    });

    it('rotates the signing keys: a token of the former one stays valid', async () => {
      const before = await signingKeys();
      const age =
        'cd "$0/keys" && touch -d "2 days ago" jws-private/next.pem && cp jws-private/next.pem /tmp/next';
      await shell(machine, age, site.instance);
      expect((await install(site, ['maintain'])).stdout).toContain('rotated the token keys');
      const after = await signingKeys();
      expect(after.digest).not.toBe(before.digest);
      expect(after.names).toEqual([...before.names, '3.pem']);
      await shell(machine, 'cmp /tmp/next "$0/keys/jws-private/private.pem"', site.instance);
      await install(site, ['restart']);
      expect(await validate(admin)).toBe(200);
      const token = await issueToken(machine, URL, await adminPassword(site));
      expect(await validate(token)).toBe(200);
      expect((await install(site, ['maintain'])).stdout).not.toContain('rotated');
    });

    it('restores the signing keys with a backup', async () => {
      const { names, digest } = await signingKeys();
      await install(site, ['backup', '/srv/saved.tar.gz']);
      await shell(machine, 'rm "$0"/keys/jws-private/private.pem', site.instance);
      const missing = await bootstrap(site, ['status']);
      expect(missing.stderr).toContain('keys are missing or empty');
      await install(site, ['restore', '/srv/saved.tar.gz']);
      expect(await signingKeys()).toEqual({ names, digest });
      await install(site, ['restart']);
      expect(await validate(admin)).toBe(200);
    });

    /** RFC 6238: a code of six digits from HMAC-SHA-1, for steps of 30 seconds. */
    function oneTimeCode(secret: Buffer, seconds: number): string {
      const counter = Buffer.alloc(8);
      counter.writeBigUInt64BE(BigInt(Math.floor(seconds / 30)));
      const digest = createHmac('sha1', secret).update(counter).digest();
      const start = (digest.at(-1) ?? 0) & 15;
      return String((digest.readUInt32BE(start) & 0x7f_ff_ff_ff) % 1_000_000).padStart(6, '0');
    }

    it('lets a user in by one-time codes, once the method is enabled', async () => {
      // The first test vector of RFC 6238, with six digits.
      expect(oneTimeCode(Buffer.from('12345678901234567890'), 59)).toBe('287082');
      const { body } = await ask('GET', 'users?name=service', { token: admin });
      const [user] = (JSON.parse(body ?? '') as { users: { id: string }[] }).users;
      const blob = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
      const credential = { type: 'totp', blob, user_id: user?.id };
      expect((await ask('POST', 'credentials', { token: admin, body: { credential } })).status).toBe(201);
      const byCode = (passcode: string): Promise<HttpAnswer> =>
        logIn({ methods: ['totp'], totp: { user: { id: user?.id, passcode } } });
      const now = (): string => oneTimeCode(Buffer.from('12345678901234567890'), Date.now() / 1000);
      expect((await byCode(now())).status).toBe(401);
      const lines = await documentedMethods();
      await shell(
        machine,
        'printf %s "$1" >"$0"',
        `${site.instance}/etc/keystone.conf.d/methods.conf`,
        lines,
      );
      await install(site, ['restart']);
      const wrong = String((Number(now()) + 1) % 1_000_000).padStart(6, '0');
      expect((await byCode(wrong)).status).toBe(401);
      expect((await byCode(now())).status).toBe(201);
    });

    it('lets programs in by application credentials, within their access rules', async () => {
      const { body } = await ask('GET', 'auth/tokens', { token: admin, subject: admin });
      const id = (JSON.parse(body ?? '') as { token: { user: { id: string } } }).token.user.id;
      const rules = [{ service: 'identity', method: 'GET', path: '/v3/projects' }];
      const made = await ask('POST', `users/${id}/application_credentials`, {
        token: admin,
        body: { application_credential: { name: 'reader', secret: 'a secret of it', access_rules: rules } },
      });
      expect(made.status, made.body).toBe(201);
      const known = JSON.parse(made.body ?? '') as { application_credential: { id: string } };
      const use = (secret: string): Promise<HttpAnswer> =>
        logIn({
          methods: ['application_credential'],
          application_credential: { id: known.application_credential.id, secret },
        });
      expect((await use('another secret')).status).toBe(401);
      const issued = await use('a secret of it');
      expect(issued.status).toBe(201);
      const token = issued.headers?.['x-subject-token'] ?? '';
      expect((await ask('GET', 'projects', { token })).status).toBe(200);
      expect((await ask('GET', 'users', { token })).status).toBe(401);
      const at = `users/${id}/application_credentials/${known.application_credential.id}`;
      expect((await ask('DELETE', at, { token: admin })).status).toBe(204);
      expect((await use('a secret of it')).status).toBe(404);
      expect(await validate(token)).toBe(404);
    });
  },
);
