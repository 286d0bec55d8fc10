import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, install, logIn, unpack, type Site } from './support/site.ts';
import { shell as shellOf } from './support/succeed.ts';

const lacking = await whyNoMachines();
const NAMES = ['httpd', 'memcached'];

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `a service that only bootstrap starts${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let password: string;

    beforeAll(async () => {
      machine = await startMachine('bookworm', [ADDRESS], ['cron', 'openrc']);
      site = await unpack(machine, `/srv/100% é 'x' $1`);
      await install(site, ['--host', ADDRESS]);
      password = await adminPassword(site);
      return () => machine.destroy();
    });

    const shell = (script: string, ...parameters: readonly string[]): Promise<string> =>
      shellOf(machine, script, ...parameters);
    const running = async (): Promise<string[]> =>
      (await machine.processes()).map(({ name }) => name).filter((name) => NAMES.includes(name));
    const mainPid = async (daemon: string): Promise<string> => {
      const { stdout } = await bootstrap(site, ['status', '--json']);
      const { daemons } = JSON.parse(stdout) as { daemons: { name: string; pid: number | null }[] };
      const pid = daemons.find(({ name }) => name === daemon)?.pid;
      if (typeof pid !== 'number') throw new Error(`${daemon} does not run`);
      return String(pid);
    };
    const hasToken = (): Promise<boolean> =>
      logIn(machine, `http://${ADDRESS}:5000/v3`, password).then(
        ({ status }) => status === 201,
        () => false,
      );
    /** As after a power cut: pid files and sockets without processes. */
    const cutPower = async (): Promise<void> => {
      await shell(
        'for f in /proc/[0-9]*; do case $(cat "$f/comm") in httpd | memcached) kill -9 "${f#/proc/}" ;; esac; done',
      );
      while ((await running()).length > 0) await sleep(50);
    };

    it('starts once, and stops once', async () => {
      const pid = await mainPid('httpd');
      expect((await install(site, ['start'])).stderr).toContain('httpd runs');
      expect(await mainPid('httpd')).toBe(pid);
      await install(site, ['stop']);
      expect(await running()).toEqual([]);
      expect((await install(site, ['stop'])).stderr).toContain('nothing was running');
    });

    it("starts after a power cut that left a pid file with another user's process", async () => {
      await install(site, ['start']);
      await cutPower();
      const stranger = await shell('sleep 1000 >/dev/null 2>&1 & echo $!');
      await shell('echo "$1" >"$0"', `${site.instance}/run/httpd.pid`, stranger);
      await install(site, ['start']);
      expect(await hasToken()).toBe(true);
      await install(site, ['stop']);
      await shell('kill "$0"', stranger);
    });

    it.each(NAMES)('starts after only %s was killed, and no process is left over', async (daemon) => {
      await install(site, ['start']);
      const before = (await running()).sort();
      await shell('kill -9 "$0"', await mainPid(daemon));
      await install(site, ['start']);
      expect(await hasToken()).toBe(true);
      expect(await bootstrap(site, ['status'])).toMatchObject({ exitCode: 0 });
      expect((await running()).sort()).toEqual(before);
    });

    it('ends orphans of a killed parent', async () => {
      await shell('kill -9 "$0"', await mainPid('httpd'));
      await install(site, ['stop']);
      expect(await running()).toEqual([]);
    });

    it('is started at boot by cron, with the lines of NEXT-STEPS', async () => {
      await shell(
        `sed -n 's/^ *\\(@reboot .*\\|17 .*\\)/\\1/p' "$0" | crontab -`,
        `${site.instance}/NEXT-STEPS`,
      );
      expect((await shell('crontab -l')).split('\n')).toHaveLength(2);
      await shell('rm -f /run/crond.reboot; cron </dev/null >/dev/null 2>&1');
      const deadline = Date.now() + 60_000;
      while (!(await hasToken()) && Date.now() < deadline) await sleep(500);
      expect(await hasToken()).toBe(true);
      // The second line's command, as cron would run it.
      const hourly = await shell(`crontab -l | sed -n 's/^17 [*] [*] [*] [*] //; s/\\\\%/%/g; 2p'`);
      await shell(hourly);
    });

    it('is started and stopped by OpenRC', async () => {
      await install(site, ['stop']);
      // OpenRC's files on a booted host.
      await shell('mkdir -p /run/openrc && touch /run/openrc/softlevel');
      const steps = await shell('grep -A1 "install -m 755" "$0"', `${site.instance}/NEXT-STEPS`);
      await shell(steps);
      await shell('rc-service --nodeps ksbundle-keystone start');
      expect(await hasToken()).toBe(true);
      await shell('rc-service --nodeps ksbundle-keystone status');
      await shell('rc-service --nodeps ksbundle-keystone stop');
      expect(await running()).toEqual([]);
    });

    it('is uninstalled, with a warning about entries that still start it', async () => {
      const { stderr } = await install(site, ['uninstall']);
      expect(stderr).toContain('where: /etc/init.d/ksbundle-keystone\n');
      expect(stderr).toContain('where: crontab -l\n');
      const remove = /do: as root: (.*)/.exec(stderr)?.[1] ?? 'false';
      await shell(`rc-update add ksbundle-keystone default; ${remove}; crontab -r`);
      expect((await install(site, ['uninstall'])).stderr).not.toMatch(/init\.d|crontab/);
      expect(await shell('find /etc/runlevels /etc/init.d -name "ksbundle*"')).toBe('');
    });
  },
);
