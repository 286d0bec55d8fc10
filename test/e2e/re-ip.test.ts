import { beforeAll, describe, expect, it } from 'vitest';
import { send, sendAll } from './support/http.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, install, issueToken, unpack, type Site } from './support/site.ts';

const OTHER_ADDRESS = '192.168.1.77';
const lacking = await whyNoMachines();

/** What the processes of the server load: the release's plug-ins, and SAML no earlier than it is used. */
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
metadata = idp.MetadataGenerator()
print(json.dumps({"same": _cache._build_cacheable_data()["groups"] == plugins, "late": late, "saml": "saml2" in sys.modules}))`;

/* One story: the tests go on from each other. */
describe.skipIf(lacking !== undefined)(
  `an instance that is told to listen elsewhere${lacking === undefined ? '' : ` (${lacking})`}`,
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

    it.each([
      { listener: 'every address, the former one among them', port: '5000' },
      { listener: 'one of them', port: `${OTHER_ADDRESS}:5000` },
    ])('takes $listener without a new start', async ({ port }) => {
      await install(site, ['--host', OTHER_ADDRESS, '--port', port]);
      expect(await httpdProcess()).toBe(httpd);
      expect(httpd).toBeGreaterThan(1);
      expect(await validate(OTHER_ADDRESS)).toBe(200);
    });

    it('refuses no connection while it takes new settings, and loses no more than what its processes had', async () => {
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
      // All are answered; on a busy machine one may be told that the processes that take over are not ready.
      expect(lost.filter(({ status }) => status !== 502 && status !== 503)).toEqual([]);
      // A process that ends has one request of each client at most.
      expect(lost.length).toBeLessThanOrEqual(clients.length);
    });

    it('is no longer to be found where it does not listen', async () => {
      await expect(validate(ADDRESS)).rejects.toThrow('ECONNREFUSED');
    });

    it('loads the plug-ins of the release, and SAML when it is used', async () => {
      const python = `${site.release}/bin/python3`;
      const loaded = await machine.execute([python, '-I', '-B', '-c', LOADED, site.instance]);
      expect(loaded).toMatchObject({ exitCode: 0 });
      expect(JSON.parse(loaded.stdout.split('\n').at(-1) ?? '')).toEqual({
        same: true,
        late: true,
        saml: true,
      });
    });
  },
);
