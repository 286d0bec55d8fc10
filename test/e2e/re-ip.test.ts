import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { send, sendAll } from './support/http.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, install, issueToken, unpack, type Site } from './support/site.ts';

const OTHER_ADDRESS = '192.168.1.77';
const lacking = await whyNoMachines();

/**
 * Modules of the server's processes: the release's plug-ins, SAML only when it is used, and notifications only if a
 * driver is set.
 */
const LOADED = `
import json, sys

config = sys.argv[1] + "/etc/keystone.conf"
sys.argv = ["keystone", "--config-file", config, "--config-dir", config + ".d"]
from stevedore import _cache

plugins = _cache._build_cacheable_data()["groups"]
import ksbundle_keystone

with ksbundle_keystone.loading():
    from keystone.wsgi.api import application
from keystone.federation import idp

late = "saml2" not in sys.modules
from keystone import notifications

silent = notifications._get_notifier() is None and "amqp" not in sys.modules
notifications.CONF.set_override("driver", ["log"], "oslo_messaging_notifications")
loud = notifications._get_notifier() is not None
metadata = idp.MetadataGenerator()
print(json.dumps({"same": _cache._build_cacheable_data()["groups"] == plugins, "late": late, "silent": silent, "loud": loud, "saml": "saml2" in sys.modules}))`;

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `an instance that gets another listener${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let token: string;
    let httpd: number;

    beforeAll(async () => {
      machine = await startMachine('bookworm', [ADDRESS, OTHER_ADDRESS]);
      site = await unpack(machine, '/srv');
      await install(site, ['--host', ADDRESS, '--port', `${ADDRESS}:5000`]);
      token = await issueToken(machine, `http://${ADDRESS}:5000/v3`, await adminPassword(site));
      httpd = await httpdProcess();
      return () => machine.destroy();
    });

    const httpdProcess = async (): Promise<number> => {
      const status = await bootstrap(site, ['status', '--json']);
      const { daemons } = JSON.parse(status.stdout) as { daemons: { name: string; pid: number }[] };
      return daemons.find(({ name }) => name === 'httpd')?.pid ?? 0;
    };
    const validate = async (address: string): Promise<number | undefined> => {
      const headers = { 'x-auth-token': token, 'x-subject-token': token };
      const url = `http://${address}:5000/v3/auth/tokens`;
      return (await send(machine, { method: 'GET', url, headers })).status;
    };

    /** Value and origin of each answer. */
    const origins = async (parameters: readonly string[], environment: Record<string, string>) => {
      const shown = await bootstrap(site, ['show-config', '--json', ...parameters], { environment });
      const { answers } = JSON.parse(shown.stdout) as {
        answers: { name: string; values: string[]; origin: string }[];
      };
      return Object.fromEntries(answers.map(({ name, values, origin }) => [name, [...values, origin]]));
    };

    it.each([
      { listener: 'every address, the former one among them', port: '5000' },
      { listener: 'one of them', port: `${OTHER_ADDRESS}:5000` },
    ])('changes to $listener without a restart', async ({ port }) => {
      await install(site, ['--host', OTHER_ADDRESS, '--port', port]);
      expect(await httpdProcess()).toBe(httpd);
      expect(httpd).toBeGreaterThan(1);
      expect(await validate(OTHER_ADDRESS)).toBe(200);
    });

    it('refuses no connection while it reloads settings, and loses only requests that its processes had begun', async () => {
      const headers = { 'x-auth-token': token, 'x-subject-token': token };
      const url = `http://${OTHER_ADDRESS}:5000/v3/auth/tokens`;
      const clients = Array.from({ length: 8 }, () => ({ method: 'GET', url, headers }) as const);
      const [answers] = await Promise.all([
        sendAll(machine, clients, 8),
        install(site, ['--processes', '3']),
      ]);
      expect(await httpdProcess()).toBe(httpd);
      expect(answers.length).toBeGreaterThan(clients.length);
      const lost = answers.filter(({ status }) => status !== 200);
      // All are answered; on a busy machine, one may be told that the new processes are not ready.
      expect(lost.filter(({ status }) => status !== 502 && status !== 503)).toEqual([]);
      // An ending process has at most one request of each client.
      expect(lost.length).toBeLessThanOrEqual(clients.length);
    });

    it('no longer answers at a former listener', async () => {
      await expect(validate(ADDRESS)).rejects.toThrow('ECONNREFUSED');
    });

    it('takes each answer from its source of highest precedence, shows that source, and keeps it', async () => {
      const lines = ['# the site', 'REGION=File', 'PROCESSES=1', 'PUBLIC_URL=http://file.invalid'];
      const file = '/srv/answers';
      await writeFile(path.join(machine.root, file), lines.join('\n'));
      const environment = { KSB_PUBLIC_URL: 'http://id.invalid:8080/identity', KSB_PROCESSES: '1' };
      const given = ['--answers', file, '--processes', '2'];
      const installed = await bootstrap(site, ['install', ...given], { environment });
      expect(installed).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('cannot resolve') });
      const remembered = {
        host: [OTHER_ADDRESS, 'receipt'],
        region: ['File', 'receipt'],
        processes: ['2', 'receipt'],
        'public-url': ['http://id.invalid:8080/identity', 'receipt'],
        server: ['mod_wsgi', 'default'],
      };
      expect(await origins([], {})).toMatchObject(remembered);
      expect(await origins(given, environment)).toMatchObject({
        ...remembered,
        region: ['File', `answers file ${file}`],
        processes: ['2', 'command line'],
        'public-url': ['http://id.invalid:8080/identity', 'environment KSB_PUBLIC_URL'],
      });
      const url = `http://${OTHER_ADDRESS}:5000/v3/auth/catalog`;
      const { body } = await send(machine, { method: 'GET', url, headers: { 'x-auth-token': token } });
      const { catalog } = JSON.parse(body ?? '') as { catalog: { endpoints: Record<string, string>[] }[] };
      const endpoints = catalog.flatMap((service) => service.endpoints);
      expect(new Set(endpoints.map((endpoint) => `${endpoint['region']} ${endpoint['url']}`))).toEqual(
        new Set(['File http://id.invalid:8080/identity/v3']),
      );
    });

    it("loads only the release's plug-ins, and SAML when it is used", async () => {
      const python = `${site.release}/bin/python3`;
      const loaded = await machine.execute([python, '-I', '-B', '-c', LOADED, site.instance]);
      expect(loaded).toMatchObject({ exitCode: 0 });
      expect(JSON.parse(loaded.stdout.split('\n').at(-1) ?? '')).toEqual({
        same: true,
        late: true,
        silent: true,
        loud: true,
        saml: true,
      });
    });
  },
);
