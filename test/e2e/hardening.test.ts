import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/io/process.ts';
import { send, sendAll, type HttpRequest } from './support/http.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, install, passwordLogin, unpack, type Site } from './support/site.ts';
import { shell } from './support/succeed.ts';

const lacking = await whyNoMachines();
const OPERATOR = 1000;
const NOTHING = '0'.repeat(16);
/** CAP_NET_BIND_SERVICE. */
const LOW_PORTS = '0000000000000400';

/* One story: the tests go on from each other. */
describe.skipIf(lacking !== undefined)(
  `an instance that is attacked, or loses its database${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let ca: string;
    let password: string;

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS]);
      site = await unpack(machine, '/srv');
      ca = await makeCertificate();
      return () => machine.destroy();
    });

    async function makeCertificate(): Promise<string> {
      const directory = path.join(machine.root, 'srv/tls');
      await mkdir(directory, { recursive: true });
      const files = ['-out', path.join(directory, 'pem'), '-keyout', path.join(directory, 'key')];
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=one'];
      const names = ['-addext', `subjectAltName=IP:${ADDRESS}`, '-days', '90'];
      const made = await run(['openssl', 'req', '-x509', ...key, ...names, ...files]);
      if (made.exitCode !== 0) throw new Error(made.stderr);
      return readFile(path.join(directory, 'pem'), 'utf8');
    }

    /** What the kernel says of every process of the service, once each. */
    async function rights(): Promise<unknown[]> {
      const facts = await Promise.all(
        (await machine.processes()).map(async ({ pid, name }) => {
          const [status, limits, filter] = await Promise.all(
            ['status', 'limits', 'coredump_filter'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8')),
          );
          const fact = (field: string): string | undefined =>
            new RegExp(`^${field}:\\s*(\\S+)`, 'm').exec(status ?? '')?.[1];
          const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb', 'CapBnd'].map(fact);
          const core = /^Max core file size +(\S+) +(\S+)/m.exec(limits ?? '')?.slice(1);
          return JSON.stringify({
            name,
            noNewPrivileges: fact('NoNewPrivs'),
            capabilities,
            core,
            filter: Number(filter),
          });
        }),
      );
      return [...new Set(facts)].sort().map((fact): unknown => JSON.parse(fact));
    }

    const confined = (name: string, held = NOTHING, bounding = held): unknown => ({
      name,
      noNewPrivileges: '1',
      capabilities: [held, held, held, held, bounding],
      core: ['0', '0'],
      filter: 0,
    });

    const login = (user: string, secret: string, port = 443): HttpRequest => ({
      method: 'POST',
      url: `${port === 443 ? 'https' : 'http'}://${ADDRESS}:${port}/v3/auth/tokens`,
      headers: { 'content-type': 'application/json' },
      body: passwordLogin(secret).replaceAll('"admin"', JSON.stringify(user)),
      ca,
    });

    it('runs httpd with the right to its low port alone, and memcached with none', async () => {
      const tls = ['--tls-cert', '/srv/tls/pem', '--tls-key', '/srv/tls/key', '--hsts', '86400'];
      await install(site, ['--host', ADDRESS, '--port', '443', '--demo', '--lockout', '4', ...tls]);
      expect(await rights()).toEqual([confined('httpd', LOW_PORTS), confined('memcached')]);
    });

    it('lets nobody keep what it answers, and tells browsers to stay with TLS', async () => {
      password = await adminPassword(site);
      const token = (await send(machine, login('admin', password))).headers?.['x-subject-token'] ?? '';
      const headers = { 'x-auth-token': token, 'x-subject-token': token };
      const get = (resource: string): HttpRequest => ({
        method: 'GET',
        url: `https://${ADDRESS}/v3/${resource}`,
        headers,
        ca,
      });
      const answers = await sendAll(machine, [
        login('admin', password),
        login('admin', 'wrong'),
        ...['auth/tokens', 'credentials', 'users', 'OS-OAUTH1/consumers', 'nothing'].map(get),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([201, 401, 200, 200, 200, 200, 404]);
      for (const { headers: got } of answers)
        expect(got).toMatchObject({
          'cache-control': 'no-store',
          'strict-transport-security': 'max-age=86400',
        });
    });

    it('locks an account after wrong passwords, but not the administrator out', async () => {
      const demo = (await shell(machine, `cat "$0/demo-password"`, site.instance)).trim();
      const status = async (user: string, secret: string): Promise<number | undefined> =>
        (await send(machine, login(user, secret))).status;
      expect(await status('demo', demo)).toBe(201);
      for (const user of ['demo', 'admin'])
        for (let attempt = 0; attempt < 5; attempt += 1) expect(await status(user, 'wrong')).toBe(401);
      expect(await status('demo', demo)).toBe(401);
      expect(await status('admin', password)).toBe(201);
    });

    /** What is answered while the database is lost in each way, and when it is back. */
    async function outages(port: number): Promise<unknown[]> {
      const found: unknown[] = [];
      const ask = async (): Promise<void> => {
        const { status, headers, body } = await send(machine, login('admin', password, port));
        const { error } = JSON.parse(body ?? '') as { readonly error?: { readonly code: number } };
        found.push([status, headers?.['retry-after'], error?.code]);
      };
      for (const [lose, back] of [
        ['mv "$0" "$0.away"', '! test -e "$0" && mv "$0.away" "$0"'],
        ['chmod 000 "$0"', 'chmod 640 "$0"'],
        ['cp -p "$0" "$0.kept" && echo damaged >"$0"', 'mv "$0.kept" "$0"'],
      ] as const) {
        await shell(machine, lose, `${site.instance}/data/keystone.db`);
        await ask();
        await shell(machine, back, `${site.instance}/data/keystone.db`);
        await ask();
      }
      return found;
    }
    const OUTAGES = Array.from({ length: 3 }, () => [
      [503, '10', 503],
      [201, undefined, undefined],
    ]).flat();

    it('tells of a lost database with httpd, and serves when it is back', async () => {
      expect(await outages(443)).toEqual(OUTAGES);
    });

    it('runs uWSGI with no right at all where its port needs none', async () => {
      const answers = ['--server', 'uwsgi', '--port', '5000', '--tls-cert=', '--tls-key=', '--hsts='];
      await install(site, answers);
      expect(await rights()).toEqual([confined('memcached'), confined('uwsgi')]);
    });

    it('tells of a lost database with uWSGI, too', async () => {
      expect(await outages(5000)).toEqual(OUTAGES);
    });

    it('runs uWSGI with the right to its low port alone', async () => {
      await install(site, ['--port', '80']);
      expect(await rights()).toEqual([confined('memcached'), confined('uwsgi', LOW_PORTS)]);
    });

    it('promises the kernel the same where a user installs, who cannot empty the bounding set', async () => {
      await install(site, ['uninstall']);
      const user = ['setpriv', `--reuid=${OPERATOR}`, `--regid=${OPERATOR}`, '--clear-groups'];
      const bounding = await machine.execute([...user, 'sed', '-n', 's/^CapBnd:\t//p', '/proc/self/status']);
      const parameters = ['--instance', '/tmp/instance', '--host', ADDRESS];
      const installed = await machine.execute([...user, `${site.release}/init/bootstrap.sh`, ...parameters]);
      expect(installed, installed.stderr).toMatchObject({ exitCode: 0 });
      const left = bounding.stdout.trim();
      expect(await rights()).toEqual([
        confined('httpd', NOTHING, left),
        confined('memcached', NOTHING, left),
      ]);
    });
  },
);
