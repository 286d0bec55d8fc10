import { readFile, truncate } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/io/process.ts';
import { makeCertificate, tlsAnswers } from './support/certificate.ts';
import { send, sendAll, type HttpRequest } from './support/http.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import {
  ADDRESS,
  adminPassword,
  bootstrap,
  install,
  passwordLogin,
  unpack,
  type Site,
} from './support/site.ts';
import { shell } from './support/succeed.ts';

const lacking = await whyNoMachines();
const OPERATOR = 1000;
const NOTHING = '0'.repeat(16);
/** CAP_NET_BIND_SERVICE. */
const LOW_PORTS = '0000000000000400';

/* The tests build on each other, in order. */
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
      ca = await makeCertificate(machine, '/srv/tls/one', [ADDRESS]);
      return () => machine.destroy();
    });

    /** The kernel's facts about the service's processes, each once. */
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

    const origin = (port: number): string => `${port === 443 ? 'https' : 'http'}://${ADDRESS}:${port}`;
    const login = (user: string, secret: string, port = 443): HttpRequest => ({
      method: 'POST',
      url: `${origin(port)}/v3/auth/tokens`,
      headers: { 'content-type': 'application/json' },
      body: passwordLogin(secret).replaceAll('"admin"', JSON.stringify(user)),
      ca,
    });

    it('runs httpd with only the capability for its low port, and memcached with none', async () => {
      const tls = [...tlsAnswers('/srv/tls/one'), '--hsts', '86400'];
      await install(site, ['--host', ADDRESS, '--port', '443', '--demo', '--lockout', '4', ...tls]);
      const url = `sqlite:///${site.instance}/data/keystone.db?timeout=4`;
      const own = `${site.instance}/etc/keystone.conf.d/mine.conf`;
      await shell(machine, 'printf "[database]\\nconnection = %s\\n" "$1" >"$0"', own, url);
      await install(site, ['restart']);
      expect(await rights()).toEqual([confined('httpd', LOW_PORTS), confined('memcached')]);
    });

    it('forbids caching of responses, and tells browsers to use only TLS', async () => {
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

    it("locks an account after wrong passwords, but never the administrator's", async () => {
      const demo = (await shell(machine, `cat "$0/demo-password"`, site.instance)).trim();
      const status = async (user: string, secret: string): Promise<number | undefined> =>
        (await send(machine, login(user, secret))).status;
      expect(await status('demo', demo)).toBe(201);
      for (const user of ['demo', 'admin'])
        for (let attempt = 0; attempt < 5; attempt += 1) expect(await status(user, 'wrong')).toBe(401);
      expect(await status('demo', demo)).toBe(401);
      expect(await status('admin', password)).toBe(201);
    });

    /** Ways to lose the database, and to get it back; the scripts' first parameter is its path, the second the release. */
    const LOSSES: Readonly<Record<string, readonly [lose: string, back: string]>> = {
      'is gone': ['mv "$0" "$0.away"', '! test -e "$0" && mv "$0.away" "$0"'],
      'cannot be opened': ['chmod 000 "$0"', 'chmod 640 "$0"'],
      'is damaged': ['cp -p "$0" "$0.kept" && echo damaged >"$0"', 'mv "$0.kept" "$0"'],
      // Longer than a request waits, once: four seconds, see the first test.
      'is locked': [
        `"$1/bin/python3" -c 'import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN EXCLUSIVE")
open("/tmp/locked", "w").close()
time.sleep(60)' "$0" >/dev/null 2>&1 & echo $! >/tmp/holder; until test -e /tmp/locked; do sleep 0.1; done`,
        'kill "$(cat /tmp/holder)"; rm /tmp/locked',
      ],
    };

    /** Replaces the database's directory by a failing device: no block of a file can be read. */
    async function withBrokenDisk(work: () => Promise<void>): Promise<void> {
      const data = path.join(machine.root, site.instance, 'data');
      const image = path.join(machine.root, 'var/tmp/disk');
      const make =
        'rm -f "$1" && mke2fs -q -t ext4 -O ^has_journal -d "$0" "$1" 16M >/dev/null && losetup --find --show "$1"';
      const device = await onHost(make, data, image);
      const number = device.replace(/\D/g, '');
      try {
        const mount = `mknod /dev/disk b 7 "$1" && mount /dev/disk "$0" && stat "$0"/* >/dev/null`;
        await shell(machine, mount, `${site.instance}/data`, number);
        await truncate(image, 1024);
        await work();
      } finally {
        await shell(machine, 'umount "$0"; rm /dev/disk', `${site.instance}/data`);
        await onHost('losetup --detach "$0"', device);
      }
    }

    async function onHost(script: string, ...parameters: readonly string[]): Promise<string> {
      const { exitCode, stdout, stderr } = await run(['sh', '-c', script, ...parameters]);
      if (exitCode !== 0) throw new Error(`${script}: ${stderr}`);
      return stdout.trim();
    }

    /** The answers while the database is lost in each way, and when it is back. */
    async function outages(port: number): Promise<Readonly<Record<string, unknown[]>>> {
      const found: Record<string, unknown[]> = {};
      const ask = async (): Promise<unknown> => {
        const { status, headers, body, milliseconds } = await send(machine, login('admin', password, port));
        const { error } = JSON.parse(body ?? '') as { readonly error?: { readonly code: number } };
        const health = await send(machine, { method: 'GET', url: `${origin(port)}/healthcheck`, ca });
        const quick = milliseconds < 7500 && health.milliseconds < 7500;
        return [status, headers?.['retry-after'], error?.code, health.status, quick];
      };
      const database = `${site.instance}/data/keystone.db`;
      for (const [how, [lose, back]] of Object.entries(LOSSES)) {
        await shell(machine, lose, database, site.release);
        const lost = await ask();
        await shell(machine, back, database);
        found[how] = [lost, await ask()];
      }
      await withBrokenDisk(async () => {
        found[BROKEN] = [await ask()];
      });
      found[BROKEN]?.push(await ask());
      return found;
    }
    const BROKEN = 'is on a broken disk';
    const OUTAGES = Object.fromEntries(
      [...Object.keys(LOSSES), BROKEN].map((how) => [
        how,
        [
          [503, '10', 503, 503, true],
          [201, undefined, undefined, 200, true],
        ],
      ]),
    );

    /** A restart's message after a line of configuration was added, and whether the service kept running. */
    async function restartWith(file: string, text: string): Promise<unknown> {
      const before = JSON.stringify(await machine.processes());
      const at = `${site.instance}/etc/${file}`;
      await shell(machine, 'touch "$0" && cp -p "$0" /tmp/kept && echo "$1" >>"$0"', at, text);
      const { exitCode, stderr } = await bootstrap(site, ['restart']);
      await shell(machine, 'cp -p /tmp/kept "$0"', at);
      return { exitCode, stderr, untouched: JSON.stringify(await machine.processes()) === before };
    }
    const refusal = (said: RegExp): unknown => ({
      exitCode: 7,
      stderr: expect.stringMatching(
        new RegExp(`does not accept its configuration[^]*${said.source}[^]*nothing was stopped`),
      ),
      untouched: true,
    });

    it('is not stopped for a configuration that httpd or Keystone refuses', async () => {
      expect(await restartWith('httpd.conf', 'Nonsense')).toEqual(refusal(/Nonsense/));
      const edited = await restartWith('keystone.conf', '[token]\nexpiration = soon');
      expect(edited).toEqual(refusal(/expiration[^]*soon/));
    });

    it('reports a lost database with httpd, and serves when it is back', async () => {
      expect(await outages(443)).toEqual(OUTAGES);
    });

    it('runs uWSGI without capabilities if its port needs none', async () => {
      const answers = ['--server', 'uwsgi', '--port', '5000', '--tls-cert=', '--tls-key=', '--hsts='];
      await install(site, answers);
      expect(await rights()).toEqual([confined('memcached'), confined('uwsgi')]);
    });

    it('is not stopped for a configuration that uWSGI or Keystone refuses', async () => {
      expect(await restartWith('uwsgi.ini', 'nonsense = 1')).toEqual(refusal(/nonsense/));
      const own = await restartWith('keystone.conf.d/mine.conf', '[token]\nprovider = nobody');
      expect(own).toEqual(refusal(/nobody/));
    });

    it('reports a lost database with uWSGI, too', async () => {
      expect(await outages(5000)).toEqual(OUTAGES);
    });

    it('runs uWSGI with only the capability for its low port', async () => {
      await install(site, ['--port', '80']);
      expect(await rights()).toEqual([confined('memcached'), confined('uwsgi', LOW_PORTS)]);
    });

    it('drops the same privileges if a user installs, who cannot empty the bounding set', async () => {
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
