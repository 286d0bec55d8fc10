import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DebianSuite } from './support/debian-root.ts';
import { send } from './support/http.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { adminPassword, bootstrap, install, issueToken, logIn, unpack, type Site } from './support/site.ts';
import { startSystemdMachine, type SystemdMachine } from './support/systemd-machine.ts';
import { shell, succeed as succeedIn } from './support/succeed.ts';
import { EMBEDDED, KEYSTONE, type TestedBundle } from './support/tested-bundle.ts';

const lacking = await whyNoMachines(['systemd-nspawn']);

interface Tried {
  readonly name: string;
  readonly suite: DebianSuite;
  readonly bundle: TestedBundle;
  readonly parameters: readonly string[];
  readonly daemons: readonly string[];
}

const ON_SQLITE: readonly Tried[] = (
  exhaustive ? (['bullseye', 'bookworm', 'trixie'] as const) : (['bookworm'] as const)
).map((suite) => ({
  name: suite,
  suite,
  bundle: KEYSTONE,
  parameters: [],
  daemons: ['memcached', 'metrics', 'httpd'],
}));
const ON_POSTGRESQL: Tried = {
  name: 'bookworm and PostgreSQL',
  suite: 'bookworm',
  bundle: EMBEDDED,
  parameters: ['--database', 'embedded', '--service-name', 'ksbundle-keystone', '--user', 'keystone'],
  daemons: ['memcached', 'metrics', 'postgresql', 'httpd'],
};
const URL = 'http://127.0.0.1:5000/v3';
const METRICS_PORT = '9105';
const AS_ACCOUNT = ['setpriv', '--reuid=keystone', '--regid=keystone', '--clear-groups'];

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined).each(exhaustive ? [...ON_SQLITE, ON_POSTGRESQL] : ON_SQLITE)(
  `an instance that systemd runs${lacking === undefined ? '' : ` (${lacking})`}: $name`,
  ({ suite, bundle, parameters, daemons }) => {
    const units = daemons.map((name) => `ksbundle-keystone-${name}`);
    const inSystemd = ['--service', 'systemd', ...parameters];
    let machine: SystemdMachine;
    let site: Site;
    let password: string;
    let token: string;

    beforeAll(async () => {
      machine = await startSystemdMachine(suite);
      await succeed(['useradd', '--system', '--shell', '/usr/sbin/nologin', 'keystone']);
      const { present } = await bundle.tarballs();
      site = await unpack(machine, `/srv/%d \\é $1 'x' "k"`, { from: present });
      return () => machine.destroy();
    });

    const succeed = (argv: readonly string[]): Promise<string> => succeedIn(machine, argv);
    /** Output of systemctl, which exits with an error for bad states. */
    const systemctl = async (...argv: readonly string[]): Promise<string> =>
      (await machine.execute(['systemctl', ...argv])).stdout.trim();
    const property = (unit: string, name: string): Promise<string> =>
      succeed(['systemctl', 'show', '--property', name, '--value', unit]);
    /** Memory in bytes and threads of a unit's processes, summed: this machine's systemd has no controllers. */
    const usedBy = async (unit: string): Promise<{ readonly memory: number; readonly tasks: number }> => {
      const script =
        'for f in $(grep -ls "/$0\\$" /proc/[0-9]*/cgroup); do grep -hE "^(VmRSS|Threads):" "${f%cgroup}status"; done; :';
      const lines = (await succeed(['sh', '-c', script, unit])).split('\n');
      const sum = (fact: string): number =>
        lines
          .filter((line) => line.startsWith(`${fact}:`))
          .reduce((total, line) => total + Number(/\d+/.exec(line)?.[0]), 0);
      return { memory: 1024 * sum('VmRSS'), tasks: sum('Threads') };
    };
    const mainPid = async (daemon: string): Promise<string> => {
      const pid = await property(`ksbundle-keystone-${daemon}`, 'MainPID');
      if (!/^[1-9]\d*$/.test(pid)) throw new Error(`${daemon} has no main process`);
      return pid;
    };
    const unitFiles = (): Promise<string> => succeed(['find', '/etc/systemd/system', '-name', '*ksbundle*']);
    const exposure = async (unit: string): Promise<number> => {
      const stdout = await succeed(['systemd-analyze', 'security', '--no-pager', `${unit}.service`]);
      return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    };
    const validate = async (subject = token): Promise<number | undefined> => {
      const headers = { 'x-auth-token': subject, 'x-subject-token': subject };
      return (await send(machine, { method: 'GET', url: `${URL}/auth/tokens`, headers })).status;
    };
    /** Waits, for a minute at most, until a condition holds. */
    const wait = async (what: string, condition: () => Promise<boolean>): Promise<void> => {
      const deadline = Date.now() + 60_000;
      while (!(await condition())) {
        if (Date.now() > deadline) throw new Error(`in vain: waited for ${what}`);
        await sleep(200);
      }
    };
    const expectToken = (): Promise<void> =>
      wait('a token', () =>
        logIn(machine, URL, password).then(
          (answer) => answer.status === 201,
          () => false,
        ),
      );

    it('is installed under a path with all characters that are special to systemd', async () => {
      await install(site, [...inSystemd, '--metrics-port', METRICS_PORT]);
      password = await adminPassword(site);
      token = await issueToken(machine, URL, password);
      expect(await systemctl('is-enabled', 'ksbundle-keystone.target')).toBe('enabled');
      for (const daemon of daemons)
        expect(await property(`ksbundle-keystone-${daemon}`, 'User')).toBe('keystone');
    });

    it('is not touched by a second run', async () => {
      const pid = await mainPid('httpd');
      expect((await install(site, [])).stderr).toContain('nothing to change');
      expect(await mainPid('httpd')).toBe(pid);
    });

    it.each([...daemons, 'maintain'])('exposes little of the host to %s', async (name) => {
      expect(await exposure(`ksbundle-keystone-${name}`)).toBeLessThanOrEqual(2.5);
    });

    it.each([...daemons, 'maintain'])(
      'bounds what %s may take, several times what it needs',
      async (name) => {
        const unit = `ksbundle-keystone-${name}.service`;
        const facts = await Promise.all(
          ['LimitCORE', 'UMask', 'PrivateMounts', 'MemoryMax', 'TasksMax'].map((fact) =>
            property(unit, fact),
          ),
        );
        const [core, umask, mounts, ...bounds] = facts;
        expect([core, umask, mounts]).toEqual(['0', '0077', 'yes']);
        const { memory, tasks } = await usedBy(unit);
        // The unit of maintenance runs nothing now.
        if (name !== 'maintain') expect(Math.min(memory, tasks)).toBeGreaterThan(0);
        for (const [index, used] of [memory, tasks].entries()) {
          expect(bounds[index]).toMatch(/^\d+$/);
          expect(Number(bounds[index])).toBeGreaterThan(3 * used);
        }
        const filter = await property(unit, 'SystemCallFilter');
        expect(filter).not.toMatch(/\b(?:sched_set\w+|ioprio_set|mbind|set_mempolicy|setpriority)\b/);
      },
    );

    it('lets its group read logs, and nothing else', async () => {
      const opened = await succeed([
        'find',
        site.instance,
        '-type',
        'f',
        '-perm',
        '/027',
        '-printf',
        '%P %m\\n',
      ]);
      const readable = await succeed(['find', `${site.instance}/log`, '-type', 'f', '-printf', '%f %m\\n']);
      expect(opened).not.toMatch(/^(?:data|keys|tmp)\//m);
      for (const line of readable.split('\n')) expect(line).toMatch(/ 640$/);
    });

    it.each(daemons)('recovers when %s is killed', async (daemon) => {
      const pid = await mainPid(daemon);
      await succeed(['kill', '-9', pid]);
      await wait(`another ${daemon}`, async () => {
        const unit = `ksbundle-keystone-${daemon}`;
        const now = await property(unit, 'MainPID');
        return now !== pid && now !== '0' && (await systemctl('is-active', unit)) === 'active';
      });
      await expectToken();
      expect(await bootstrap(site, ['status'])).toMatchObject({ exitCode: 0 });
    });

    it('recovers when any child of httpd is killed', async () => {
      const parent = await mainPid('httpd');
      const children = (await succeed(['pgrep', '-P', parent])).split('\n');
      // At least two of Keystone's processes, and one that serves clients.
      expect(children.length).toBeGreaterThanOrEqual(3);
      for (const child of children) {
        await succeed(['kill', '-9', child]);
        await expectToken();
      }
      expect(await mainPid('httpd')).toBe(parent);
    });

    it('counts what all processes did, those that were killed among them', async () => {
      const metrics = await send(machine, { method: 'GET', url: `http://127.0.0.1:${METRICS_PORT}/metrics` });
      expect(metrics).toMatchObject({ status: 200 });
      expect(metrics.body).toMatch(/^keystone_tokens_total\{outcome="issued"\} (?:[6-9]|\d\d+)$/m);
      expect(metrics.body).toMatch(/^keystone_processes\{state="idle"\} [2-9]$/m);
      expect(metrics.body).toMatch(/^keystone_connections \d+$/m);
      expect(metrics.body).toMatch(/^keystone_connections_waiting 0$/m);
      expect(metrics.body).toMatch(/^keystone_tokens_refused_total\{reason="credentials"\} [1-9]\d*$/m);
      expect(metrics.body).toMatch(/^keystone_server_threads\{state="idle"\} [1-9]\d+$/m);
      expect(metrics.body).toMatch(/^keystone_cache_up 1$/m);
      expect(metrics.body).toMatch(/^keystone_token_key_age_seconds\{kind="fernet"\} \d+/m);
    });

    it('issues a token after a reboot, without an operator', async () => {
      await machine.reboot();
      await expectToken();
      expect(await validate()).toBe(200);
      expect(await systemctl('is-system-running')).toBe('running');
    });

    it('rotates keys by its timer, and tokens from before stay valid', async () => {
      const keys = `${site.instance}/keys/fernet`;
      const before = await succeed(['ls', keys]);
      await succeed(['touch', '-d', '2 days ago', `${keys}/0`]);
      // As with `systemctl edit`, to avoid waiting an hour.
      const soon = '[Timer]\\nOnActiveSec=1\\nAccuracySec=1\\nRandomizedDelaySec=0\\n';
      const edit = `mkdir "$0" && printf '${soon}' >"$0/soon.conf" && systemctl daemon-reload`;
      await succeed(['sh', '-c', edit, '/etc/systemd/system/ksbundle-keystone-maintain.timer.d']);
      await succeed(['systemctl', 'restart', 'ksbundle-keystone-maintain.timer']);
      await wait('new keys', async () => (await succeed(['ls', keys])) === `${before}\n2`);
      await wait(
        'its end',
        async () => (await systemctl('is-active', 'ksbundle-keystone-maintain')) === 'inactive',
      );
      expect(await property('ksbundle-keystone-maintain.service', 'Result')).toBe('success');
      await succeed(['rm', '-r', '/etc/systemd/system/ksbundle-keystone-maintain.timer.d']);
      await succeed(['systemctl', 'daemon-reload']);
      expect(await validate()).toBe(200);
      await expectToken();
    });

    it('is stopped and started through bootstrap', async () => {
      await install(site, ['stop']);
      expect(await systemctl('is-active', 'ksbundle-keystone-httpd')).toBe('inactive');
      await install(site, ['start']);
      expect(await systemctl('is-active', 'ksbundle-keystone-httpd')).toBe('active');
    });

    it.each(exhaustive ? ['told', 'loop'] : ['loop'])(
      'lets systemd and root do nothing outside for an account that exchanges its paths (%s)',
      async (how) => {
        await install(site, ['stop']);
        const prepare = `cp -a "$0" /root/saved && mkdir -p /srv/outside/canaries /srv/outside/stash && cd "$0" &&
          cp -a data keys log run tmp /srv/outside/canaries && cd /srv/outside && chown keystone stash &&
          chown -R root:root canaries && chmod -R go= canaries`;
        await shell(machine, prepare, site.instance);
        const outside = (): Promise<string> =>
          shell(machine, "find /srv/outside/canaries -printf '%P %U:%G %m %s %C@ %l\\n' | sort");
        const canaries = await outside();
        expect(canaries.split('\n').length).toBeGreaterThan(20);

        const enemy = 'support/hostile/account.py';
        await copyFile(path.join(import.meta.dirname, enemy), path.join(machine.root, 'srv/account.py'));
        const python = [`${site.release}/bin/python3`, '-I', '-B', '/srv/account.py'];
        const orders = [site.instance, '/srv/outside/canaries', 'link', how, '0', '[]', '[]'];
        const hostile = machine.execute(
          ['sh', '-c', 'exec "$0" "$@" >/run/enemy', ...AS_ACCOUNT, ...python, ...orders],
          { timeout: 1_800_000 },
        );
        try {
          await wait(
            'the enemy',
            async () => (await machine.execute(['cat', '/run/enemy'])).stdout.trim() === 'ready',
          );
          for (const command of ['start', 'status', 'restart', 'maintain', 'backup', 'stop']) {
            const { exitCode, stderr } = await bootstrap(site, [command]);
            expect(exitCode, stderr).not.toBe(1);
            await machine.execute(['systemctl', 'restart', ...units, 'ksbundle-keystone-maintain']);
            // No other account can work in a directory that only root may enter.
            expect(await shell(machine, 'find /proc/[0-9]*/cwd -lname "/srv/outside/*" 2>&- || :')).toBe('');
          }
        } finally {
          await succeed(['pkill', '-KILL', '-f', '/srv/account.py']);
        }
        await hostile;
        expect(await outside()).toBe(canaries);

        await machine.execute(['systemctl', 'stop', ...units]);
        await succeed(['systemctl', 'reset-failed']);
        await shell(machine, 'rm -r "$0" /srv/outside && mv /root/saved "$0"', site.instance);
        await install(site, ['start']);
        await expectToken();
      },
    );

    it('is not started without systemd when its units were removed', async () => {
      const unit = '/etc/systemd/system/ksbundle-keystone-httpd.service';
      await install(site, ['stop']);
      await succeed(['mv', unit, '/root/unit']);
      const started = await bootstrap(site, ['start']);
      expect(started).toMatchObject({ exitCode: 3 });
      expect(started.stderr).toContain(unit);
      await succeed(['mv', '/root/unit', unit]);
      await install(site, ['start']);
    });

    it('reports that it would not start at boot, and that systemd gave up a daemon', async () => {
      await succeed(['systemctl', 'disable', 'ksbundle-keystone.target']);
      const disabled = await bootstrap(site, ['status']);
      expect(disabled).toMatchObject({ exitCode: 8 });
      expect(disabled.stderr).toContain('error: the service does not start at boot');
      await succeed(['systemctl', 'enable', 'ksbundle-keystone.target']);

      const impatient = '/etc/systemd/system/ksbundle-keystone-httpd.service.d';
      const config = `${site.instance}/etc/httpd.conf`;
      const edit =
        'mkdir "$0" && printf "[Unit]\\nStartLimitBurst=2\\n" >"$0/impatient.conf"; echo Nonsense >>"$1"';
      await succeed(['sh', '-c', edit, impatient, config]);
      await succeed(['systemctl', 'daemon-reload']);
      await succeed(['systemctl', 'restart', 'ksbundle-keystone-httpd']);
      await wait(
        'its end',
        async () => (await systemctl('is-active', 'ksbundle-keystone-httpd')) === 'failed',
      );
      const { stdout } = await bootstrap(site, ['status', '--json']);
      const { problems } = JSON.parse(stdout) as {
        problems: { what: string; why: string; details: string[] }[];
      };
      expect(problems).toMatchObject([{ what: 'httpd is not running' }]);
      expect(problems[0]?.why).toContain('systemd gave up');
      expect(problems[0]?.details.join('\n')).toContain('Nonsense');
      await succeed(['sh', '-c', 'rm -r "$0"; sed -i "/^Nonsense/d" "$1"', impatient, config]);
      await succeed(['systemctl', 'daemon-reload']);
      await install(site, ['start']);
      expect(await bootstrap(site, ['status'])).toMatchObject({ exitCode: 0 });
    });

    it('listens on a port below 1024 with that one capability', async () => {
      await install(site, ['--port', '80', '--port', '5000']);
      await issueToken(machine, 'http://127.0.0.1:80/v3', password);
      const status = await succeed(['grep', 'CapEff', `/proc/${await mainPid('httpd')}/status`]);
      expect(status).toBe('CapEff:\t0000000000000400');
      expect(await exposure('ksbundle-keystone-httpd')).toBeLessThanOrEqual(2.5);
    });

    it('is restored from a backup', async () => {
      const { stdout } = await install(site, ['backup']);
      await install(site, ['restore', stdout.trim()]);
      expect(await systemctl('is-active', ...units)).toBe(units.map(() => 'active').join('\n'));
      expect(await validate()).toBe(200);
    });

    it('is served by uWSGI, in a separate unit', async () => {
      await install(site, ['--server', 'uwsgi']);
      expect(await unitFiles()).not.toContain('httpd');
      expect(await exposure('ksbundle-keystone-uwsgi')).toBeLessThanOrEqual(2.5);
      await succeed(['kill', '-9', await mainPid('uwsgi')]);
      await expectToken();
      expect((await logIn(machine, URL, 'wrong')).status).toBe(401);
      const metrics = await send(machine, { method: 'GET', url: `http://127.0.0.1:${METRICS_PORT}/metrics` });
      expect(metrics.body).toMatch(/^keystone_tokens_refused_total\{reason="credentials"\} [1-9]\d*$/m);
      expect(metrics.body).toMatch(/^keystone_server_processes\{state="idle"\} \d$/m);
      expect(metrics.body).toMatch(/^keystone_server_clients \d+$/m);
      expect(await validate()).toBe(200);
    });

    it('is converted: no unit is left, and the data is', async () => {
      await install(site, ['--service', 'none', '--server', 'mod_wsgi']);
      expect(await unitFiles()).toBe('');
      expect(await systemctl('list-units', '--all', '--no-legend', 'ksbundle*')).toBe('');
      expect(await validate()).toBe(200);
    });

    it('is converted back, under another name', async () => {
      await install(site, ['--service', 'systemd', '--service-name', 'identity']);
      expect(await systemctl('is-active', 'identity-httpd', 'identity-memcached', 'identity.target')).toBe(
        'active\nactive\nactive',
      );
      expect(await unitFiles()).toBe('');
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it('is uninstalled, with its units', async () => {
      await install(site, ['uninstall']);
      expect(await succeed(['find', '/etc/systemd/system', '-name', 'identity*'])).toBe('');
      expect(await systemctl('list-units', '--all', '--no-legend', 'identity*')).toBe('');
    });

    it('is upgraded and rolled back, and its units with it', async () => {
      const { present, former } = await bundle.tarballs();
      const old = await unpack(machine, '/opt/old', { from: former });
      await bundle.makeFormer?.(path.join(machine.root, old.release));
      const fresh = await unpack(machine, '/opt/new', { from: present });
      const served = async (): Promise<string> => {
        expect(await systemctl('is-active', 'ksbundle-keystone.target')).toBe('active');
        return succeed(['readlink', `/proc/${await mainPid('httpd')}/exe`]);
      };
      await install(old, inSystemd);
      const before = await issueToken(machine, URL, await adminPassword(old));
      await install(fresh, ['upgrade', '--from', old.release]);
      expect(await served()).toContain(fresh.release);
      expect(await validate(before)).toBe(200);
      await install(fresh, ['rollback']);
      expect(await served()).toContain(old.release);
      expect(await validate(before)).toBe(200);
      await machine.reboot();
      await wait('a token', () =>
        validate(before).then(
          (status) => status === 200,
          () => false,
        ),
      );
    });
  },
);
