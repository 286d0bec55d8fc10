import { beforeAll, describe, expect, it } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DebianSuite } from './support/debian-root.ts';
import { send } from './support/http.ts';
import { whyNoMachines } from './support/requirements.ts';
import { adminPassword, bootstrap, install, issueToken, logIn, unpack, type Site } from './support/site.ts';
import { startSystemdMachine, type SystemdMachine } from './support/systemd-machine.ts';

const lacking = await whyNoMachines(['systemd-nspawn']);
const exhaustive = process.env['KSBUNDLE_TEST_EXHAUSTIVE'] === '1';
const SUITES: readonly DebianSuite[] = exhaustive ? ['bullseye', 'bookworm', 'trixie'] : ['bookworm'];
const URL = 'http://127.0.0.1:5000/v3';
const DAEMONS = ['memcached', 'httpd'];
const UNITS = [...DAEMONS, 'maintain'].map((name) => `ksbundle-keystone-${name}.service`);

/* One story: the tests go on from each other. */
describe.skipIf(lacking !== undefined).each(SUITES)(
  `an instance that systemd runs${lacking === undefined ? '' : ` (${lacking})`}: Debian %s`,
  (suite) => {
    let machine: SystemdMachine;
    let site: Site;
    let password: string;

    beforeAll(async () => {
      machine = await startSystemdMachine(suite);
      await machine.execute(['useradd', '--system', '--shell', '/usr/sbin/nologin', 'keystone']);
      site = await unpack(machine, `/srv/k" é $1 'x'`);
      return () => machine.destroy();
    });

    const systemctl = async (...argv: readonly string[]): Promise<string> =>
      (await machine.execute(['systemctl', ...argv])).stdout.trim();
    const unitFiles = async (): Promise<string> =>
      (await machine.execute(['find', '/etc/systemd/system', '-name', '*ksb*'])).stdout;
    const validate = async (token: string, url = URL): Promise<number | undefined> => {
      const headers = { 'x-auth-token': token, 'x-subject-token': token };
      return (await send(machine, { method: 'GET', url: `${url}/auth/tokens`, headers })).status;
    };
    /** Waits, for a minute at most, until a password gets a token. */
    const expectToken = async (): Promise<void> => {
      const deadline = Date.now() + 60_000;
      let status: number | undefined;
      while (status !== 201 && Date.now() < deadline) {
        await sleep(200);
        status = await logIn(machine, URL, password).then(
          (answer) => answer.status,
          () => undefined,
        );
      }
      expect(status).toBe(201);
    };

    it('is installed under a path with all that systemd gives a meaning to', async () => {
      await install(site, ['--service', 'systemd']);
      password = await adminPassword(site);
      expect(await systemctl('is-enabled', 'ksbundle-keystone.target')).toBe('enabled');
      for (const daemon of DAEMONS)
        expect(await systemctl('show', '-P', 'User', `ksbundle-keystone-${daemon}`)).toBe('keystone');
      await expectToken();
    });

    it('is not touched by a second run', async () => {
      const pid = await systemctl('show', '-P', 'MainPID', 'ksbundle-keystone-httpd');
      const again = await install(site, []);
      expect(again.stderr).toContain('nothing to change');
      expect(await systemctl('show', '-P', 'MainPID', 'ksbundle-keystone-httpd')).toBe(pid);
    });

    it.each(UNITS)('exposes little of the host to %s', async (unit) => {
      const { stdout } = await machine.execute(['systemd-analyze', 'security', '--no-pager', unit]);
      const [, exposure] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? [];
      expect(Number(exposure)).toBeLessThanOrEqual(2.5);
    });

    it.each(DAEMONS)('heals when %s is killed', async (daemon) => {
      const unit = `ksbundle-keystone-${daemon}`;
      const pid = await systemctl('show', '-P', 'MainPID', unit);
      expect(pid).toMatch(/^[1-9]/);
      expect(await machine.execute(['kill', '-9', pid])).toMatchObject({ exitCode: 0 });
      await expectToken();
      const deadline = Date.now() + 30_000;
      while ((await systemctl('is-active', unit)) !== 'active' && Date.now() < deadline) await sleep(200);
      expect(await systemctl('show', '-P', 'MainPID', unit)).not.toBe(pid);
      expect(await bootstrap(site, ['status'])).toMatchObject({ exitCode: 0 });
    });

    it('issues a token after a reboot, without a hand', async () => {
      await machine.reboot();
      await expectToken();
      expect(await systemctl('is-system-running')).toBe('running');
    });

    it('rotates keys by its timer, and tokens from before stay valid', async () => {
      const token = await issueToken(machine, URL, password);
      const keys = `${site.instance}/keys/fernet`;
      const before = await machine.execute(['ls', keys]);
      expect(await systemctl('is-active', 'ksbundle-keystone-maintain.timer')).toBe('active');
      await machine.execute(['touch', '-d', '2 days ago', `${keys}/0`]);
      expect(
        await machine.execute(['systemctl', 'start', 'ksbundle-keystone-maintain.service']),
      ).toMatchObject({ exitCode: 0 });
      const after = await machine.execute(['ls', keys]);
      expect(after.stdout).toBe(`${before.stdout}2\n`);
      expect(await validate(token)).toBe(200);
      await expectToken();
    });

    it('is stopped and started through bootstrap', async () => {
      expect(await bootstrap(site, ['stop'])).toMatchObject({ exitCode: 0 });
      expect(await systemctl('is-active', 'ksbundle-keystone-httpd')).toBe('inactive');
      expect(await bootstrap(site, ['start'])).toMatchObject({ exitCode: 0 });
      expect(await systemctl('is-active', 'ksbundle-keystone-httpd')).toBe('active');
    });

    it('listens on a port below 1024 with that one capability', async () => {
      await install(site, ['--port', '80', '--port', '5000']);
      await issueToken(machine, 'http://127.0.0.1:80/v3', password);
      const pid = await systemctl('show', '-P', 'MainPID', 'ksbundle-keystone-httpd');
      const status = await machine.execute(['grep', 'CapEff', `/proc/${pid}/status`]);
      expect(status.stdout.trim()).toBe('CapEff:\t0000000000000400');
    });

    it('is converted: no unit is left, and the data is', async () => {
      await install(site, ['--service', 'none']);
      expect(await unitFiles()).toBe('');
      expect(await systemctl('list-units', '--all', '--no-legend', 'ksbundle*')).toBe('');
      await expectToken();
    });

    it('is converted back, under another name', async () => {
      await install(site, ['--service', 'systemd', '--service-name', 'identity']);
      expect(await systemctl('is-active', 'identity-httpd', 'identity-memcached', 'identity.target')).toBe(
        'active\nactive\nactive',
      );
      expect(await unitFiles()).toBe('');
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });
  },
);
