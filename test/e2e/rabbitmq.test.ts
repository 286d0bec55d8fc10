import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import { ROOT } from './support/cli.ts';
import { startMachine, type OpenMachine } from './support/machine.ts';
import { buildProject } from './support/projects.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, bootstrap, install, siteAt, unpack, type Site } from './support/site.ts';
import { shell as shellOf } from './support/succeed.ts';

const STOP = '/var/tmp/stop';
const COUNT = '/var/tmp/count';
const lacking = exhaustive ? await whyNoMachines() : 'only npm run test:exhaustive disturbs it';

/*
 * Work that needs the broker, as services of OpenStack do it: a server with a queue, and a client that calls it, one call
 * after another until the file STOP appears. The file COUNT has the number of calls that were answered. Prints how many were
 * not, and whether the last one was.
 */
const WORK = `
import json, os, sys, time
from oslo_config import cfg
import oslo_messaging
transport_file, stop, count = sys.argv[1:]
conf = cfg.CONF
conf([], project="work", default_config_files=[transport_file])
transport = oslo_messaging.get_rpc_transport(conf)
class Endpoint:
    def double(self, context, number):
        return 2 * number
server = oslo_messaging.get_rpc_server(transport, oslo_messaging.Target(topic="work", server="one"), [Endpoint()], executor="threading")
server.start()
client = oslo_messaging.get_rpc_client(transport, oslo_messaging.Target(topic="work"), timeout=5)
answered, failed, last = 0, 0, False
while not os.path.exists(stop):
    try:
        last = client.call({}, "double", number=answered) == 2 * answered
        answered += 1
        with open(count + ".new", "w") as file:
            print(answered, file=file)
        os.rename(count + ".new", count)
    except oslo_messaging.MessagingTimeout:
        failed, last = failed + 1, False
    time.sleep(0.05)
print(json.dumps({"failed": failed, "last": last}), flush=True)
server.stop()
os._exit(0)
`;

async function commandOf(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0').slice(0, -1);
}

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `the broker of messages${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: OpenMachine;
    let site: Site;

    beforeAll(async () => {
      machine = await startMachine('bookworm', [ADDRESS]);
      site = await unpack(machine, '/srv/key stöne 5%d', { from: await buildProject(ROOT, 'openstack') });
    });
    afterAll(() => machine.destroy());

    const shell = (script: string, ...parameters: readonly string[]): Promise<string> =>
      shellOf(machine, script, ...parameters);
    /** The process of this program, by the host's id. */
    const pidOf = async (program: string): Promise<number> => {
      const found = (await machine.processes()).find((each) => path.basename(each.program) === program);
      if (found === undefined) throw new Error(`${program} does not run`);
      return found.pid;
    };
    const kill = async (program: string): Promise<number> => {
      const pid = await pidOf(program);
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(async () =>
        expect((await machine.processes()).map((each) => each.pid)).not.toContain(pid),
      );
      return pid;
    };
    const answered = async (): Promise<number> =>
      Number(await shell('cat "$0" 2>/dev/null || echo 0', COUNT));
    /** Returns when work has gone on. */
    const expectWork = async (timeout = 60_000): Promise<void> => {
      const before = await answered();
      await vi.waitFor(async () => expect(await answered()).toBeGreaterThan(before + 3), {
        timeout,
        interval: 500,
      });
    };
    const work = async (): Promise<{ result: Promise<RunResult> }> => {
      await shell('rm -f "$0" "$1"', STOP, COUNT);
      const argv = [`${site.release}/bin/python3`, '-I', '-c', WORK];
      const result = machine.execute([...argv, `${site.instance}/etc/rabbitmq/transport.conf`, STOP, COUNT], {
        timeout: 600_000,
      });
      await expectWork();
      return { result };
    };
    /** Ends the work, whose last call was answered. */
    const finish = async ({ result }: { result: Promise<RunResult> }): Promise<number> => {
      await shell(': >"$0"', STOP);
      const { exitCode, stdout, stderr } = await result;
      expect(exitCode, stderr).toBe(0);
      const { failed, last } = JSON.parse(stdout) as { failed: number; last: boolean };
      expect(last).toBe(true);
      return failed;
    };
    const control = (...words: readonly string[]): Promise<string> =>
      shell('exec "$0/bin/rabbitmqctl" -q "$@"', site.release, ...words);

    it('takes a message in and gives it out at each install', async () => {
      const { stderr } = await install(site, ['--host', ADDRESS, '--processes', '1']);
      expect(stderr).toContain('a message went into a queue and came out of it');
      expect(await control('list_users')).toMatch(/^user\s+tags\s+openstack\s+\[\]\s*$/u);
    });

    it('listens on loopback only, and keeps its secrets out of command lines', async () => {
      const { stdout } = await machine.executeInNetwork(['ss', '-Hltn']);
      const listening = [...stdout.matchAll(/ (\S+):(5672|24672|25672) /gu)].map(
        (match) => `${match[1]}:${match[2]}`,
      );
      // The port mapper takes connections over IPv6 as well.
      expect(new Set(listening)).toEqual(
        new Set(['127.0.0.1:24672', '[::1]:24672', '127.0.0.1:25672', '127.0.0.1:5672']),
      );
      for (const secret of ['keys/rabbitmq-password', 'keys/rabbitmq/.erlang.cookie']) {
        expect(await shell('stat -c %a "$0"', `${site.instance}/${secret}`)).toBe('600');
        const leaks = 'grep -l -a -F -f "$0" /proc/[0-9]*/cmdline 2>/dev/null || true';
        expect(await shell(leaks, `${site.instance}/${secret}`)).toBe('');
      }
    });

    it('is down when its processes were killed, and work goes on once it is started again', async () => {
      const working = await work();
      for (const program of ['beam.smp', 'epmd', 'beam.smp']) {
        await kill(program);
        const { exitCode } = await bootstrap(site, ['status']);
        expect(exitCode).not.toBe(0);
        await install(site, ['start']);
        await expectWork();
      }
      await finish(working);
      expect(await control('list_queues', 'name')).not.toContain('Error');
    });

    it('goes on without the names of nodes for a while, and registers again when they are back', async () => {
      const working = await work();
      const broker = await pidOf('beam.smp');
      await kill('epmd');
      await expectWork();
      await install(site, ['start']);
      await vi.waitFor(async () => expect(await control('status')).toContain('rabbit@localhost'), {
        timeout: 60_000,
      });
      expect(await finish(working)).toBe(0);
      expect(await pidOf('beam.smp')).toBe(broker);
    });

    it('may stop for half a minute in the middle of work', async () => {
      const working = await work();
      const broker = await pidOf('beam.smp');
      process.kill(broker, 'SIGSTOP');
      await sleep(30_000);
      process.kill(broker, 'SIGCONT');
      await expectWork();
      process.kill(broker, 'SIGTERM');
      await sleep(30_000);
      await install(site, ['start']);
      await expectWork();
      await finish(working);
    });

    it('needs no name of the host', async () => {
      await install(site, ['stop']);
      const odd = `hostname odd-host-nobody-knows.example && : >/etc/hosts && rm -f /etc/resolv.conf && exec "$0/init/bootstrap.sh" start`;
      await shell(`exec unshare --uts sh -c "$0" "$1"`, odd, site.release);
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
      await install(site, ['restart']);
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it('moves with its release and instance', async () => {
      const moved = siteAt(machine, '/opt/moved & renamed "é"');
      await shell('mv "$0" "$1"', site.release, moved.release);
      site = moved;
      await install(site, ['--host', ADDRESS]);
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it('does not disturb that of another instance on the host', async () => {
      const ports = ['port', 'glance-port', 'placement-port', 'horizon-port'].map((name) => `--${name}`);
      const rabbits = ['rabbitmq-port', 'rabbitmq-epmd-port', 'rabbitmq-node-port'].map(
        (name) => `--${name}`,
      );
      const answers = [...ports, ...rabbits].flatMap((name, index) => [name, String(7001 + index)]);
      const other = ['--instance', '/srv/two'];
      const { stderr } = await install(site, [...other, '--host', ADDRESS, '--processes', '1', ...answers]);
      expect(stderr).toContain('a message went into a queue and came out of it');
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
      await install(site, ['uninstall', '--purge', '--yes', ...other]);
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it('is started again by the supervisor', async () => {
      await install(site, ['stop']);
      const running = machine.execute([`${site.release}/init/bootstrap.sh`, 'run'], { timeout: 600_000 });
      await vi.waitFor(async () => expect((await bootstrap(site, ['status'])).exitCode).toBe(0), {
        timeout: 120_000,
        interval: 1000,
      });
      const working = await work();
      for (const program of ['beam.smp', 'epmd']) {
        const killed = await kill(program);
        await vi.waitFor(async () => expect(await pidOf(program)).not.toBe(killed), {
          timeout: 60_000,
          interval: 500,
        });
        await expectWork();
      }
      await finish(working);
      for (const { pid } of await machine.processes())
        if ((await commandOf(pid)).at(-1) === 'run') process.kill(pid, 'SIGTERM');
      expect(await running).toMatchObject({ exitCode: 0 });
      expect(await machine.processes()).toEqual([]);
    });
  },
);
