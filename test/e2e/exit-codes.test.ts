import { beforeAll, describe, expect, it } from 'vitest';
import { changedSince } from './support/inside.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { expectMessage } from './support/mistakes.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, install, issueToken, unpack, type Site } from './support/site.ts';
import { shell } from './support/succeed.ts';

const STAMP = '/stamp';
const lacking = await whyNoMachines();

/* The tests build on each other, in order. The codes are those of docs/bootstrap.md. */
describe.skipIf(lacking !== undefined)(
  `exit codes of bootstrap.sh${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let places: Readonly<Record<string, string>>;

    beforeAll(async () => {
      machine = await startMachine('bookworm', [ADDRESS]);
      site = await unpack(machine, '/opt');
      places = { $RELEASE: site.release };
      return () => machine.destroy();
    });

    const act = (script: string): Promise<string> => shell(machine, script, site.release, site.instance);
    const expectToken = async (): Promise<void> => {
      const token = await issueToken(machine, `http://${ADDRESS}:5000/v3`, await adminPassword(site));
      expect(token).toMatch(/^gAAAA/);
    };
    const kill = async (name: string): Promise<void> => {
      const found = (await machine.processes()).find((entry) => entry.name === name);
      if (found === undefined) throw new Error(`there is no ${name}`);
      process.kill(found.pid, 'SIGKILL');
    };

    /** Expects each command line to be refused with the text beside it, and to write nothing. */
    const expectRefusals = async (
      exitCode: number,
      refusals: readonly { readonly parameters: readonly string[]; readonly text: string }[],
    ): Promise<void> => {
      // File times have a coarse clock; later changes must be newer than the stamp.
      await act(`touch ${STAMP}; sleep 0.1`);
      for (const { parameters, text } of refusals) {
        const refused = await bootstrap(site, parameters);
        expect(refused).toMatchObject({ exitCode, stderr: expect.stringContaining(text) });
      }
      expect(await changedSince(machine, STAMP)).toEqual([]);
    };

    it('2: usage, and nothing is written', async () => {
      await expectRefusals(2, [
        { parameters: ['instal'], text: 'did you mean install' },
        { parameters: ['--prot', '5000'], text: 'did you mean --port' },
        { parameters: ['status', '--host', ADDRESS], text: '--host' },
        { parameters: ['plan', '--port', '70000'], text: '65535' },
        { parameters: ['upgrade'], text: '--from RELEASE' },
        { parameters: ['restore'], text: 'restore FILE' },
      ]);
      expect(await machine.processes()).toEqual([]);
    });

    it('3: preflight, where nothing is installed, and nothing is written', async () => {
      const commands = [
        'verify',
        'start',
        'stop',
        'restart',
        'status',
        'maintain',
        'rollback',
        'backup',
        'uninstall',
      ];
      const text = 'there is no installed instance';
      await expectRefusals(
        3,
        commands.map((command) => ({ parameters: [command], text })),
      );
      expect(await machine.processes()).toEqual([]);
    });

    it('0: done', async () => {
      expect(await bootstrap(site, ['install', '--host', ADDRESS])).toMatchObject({ exitCode: 0 });
      await expectToken();
    });

    it('3: preflight, for ports held by other programs, which are named', async () => {
      const parameters = ['install', '--instance', '/srv/other', '--host', ADDRESS];
      const refused = await bootstrap(site, parameters);
      expect(refused).toMatchObject({
        exitCode: 3,
        stderr: expect.stringMatching(/5000 .*\n.*httpd \(process/),
      });
    });

    it('5: locked, while another process works, which is named', async () => {
      const held = machine.execute(['flock', `${site.instance}/lock`, 'sleep', '60']);
      const start = (): Promise<unknown> => bootstrap(site, ['start']);
      const refusal = { exitCode: 5, stderr: expect.stringMatching(/process \d+ holds the lock/) };
      await expect.poll(start, { timeout: 30_000, interval: 100 }).toMatchObject(refusal);
      await kill('sleep');
      await held;
      expect(await start()).toMatchObject({ exitCode: 0 });
    });

    it('3: preflight, for a user to whom the instance does not belong', async () => {
      const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const result = await machine.execute([...nobody, `${site.release}/init/bootstrap.sh`, 'start']);
      const title = 'another user starts the instance';
      await expectMessage({ title, command: ['init/bootstrap.sh', 'start'], result, places });
    });

    it('8: verification, where the instance was moved while it ran', async () => {
      const moved = ['status', '--instance', '/srv/moved'];
      await act('mv "$1" /srv/moved');
      const result = await bootstrap(site, moved);
      await act('mv /srv/moved "$1"');
      const title = 'the instance was moved while it ran';
      await expectMessage({ title, command: ['init/bootstrap.sh', ...moved], result, places });
      expect(await bootstrap(site, ['status'])).toMatchObject({ exitCode: 0 });
    });

    it('8: verification, while a daemon is down', async () => {
      await kill('memcached');
      for (const command of ['status', 'verify']) {
        const told = await bootstrap(site, [command]);
        expect(told).toMatchObject({
          exitCode: 8,
          stderr: expect.stringContaining('memcached is not running'),
        });
      }
      expect(await bootstrap(site, ['start'])).toMatchObject({ exitCode: 0 });
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it('6: rolled back, if the new server does not start; the old one serves', async () => {
      await act('mkdir -p "$1/run/uwsgi/control"');
      const failed = await bootstrap(site, ['install', '--server', 'uwsgi']);
      expect(failed).toMatchObject({ exitCode: 6, stderr: expect.stringContaining('fifo') });
      await expectToken();
      await act('rmdir "$1/run/uwsgi/control"');
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it("7: needs a person, if the operator's settings are wrong; then the same command works", async () => {
      await act('echo nonsense >"$1/etc/keystone.conf.d/own.conf"');
      const failed = await bootstrap(site, ['restart']);
      expect(failed).toMatchObject({ exitCode: 7, stderr: expect.stringContaining('own.conf') });
      await act('rm "$1/etc/keystone.conf.d/own.conf"');
      expect(await bootstrap(site, ['restart'])).toMatchObject({ exitCode: 0 });
      await expectToken();
    });

    it('4: integrity, which stop ignores', async () => {
      await act('printf X >>"$0/bin/uwsgi"');
      for (const command of ['verify', 'install', 'restart']) {
        const refused = await bootstrap(site, [command]);
        expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining('bin/uwsgi') });
      }
      expect(await bootstrap(site, ['stop'])).toMatchObject({ exitCode: 0 });
      await act('truncate -s -1 "$0/bin/uwsgi"');
      expect(await bootstrap(site, ['start'])).toMatchObject({ exitCode: 0 });
    });

    it('4: integrity, by every command, if another user could change what root would run, until the hint is followed', async () => {
      await act('chmod 777 "$0/init/installer" && chown 1000 "$0/bin"');
      const said = 'another user can change the release';
      for (const command of ['verify', 'install', 'status', 'maintain', 'stop']) {
        const refused = await bootstrap(site, [command]);
        expect(refused).toMatchObject({ exitCode: 4, stderr: expect.stringContaining(said) });
      }
      const { stderr } = await bootstrap(site, ['status']);
      await act(/cd '.*/u.exec(stderr)?.[0] ?? 'false');
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it.each([
      { signal: 'HUP', exitCode: 129 },
      { signal: 'TERM', exitCode: 143 },
    ])('128 + n: ended by SIG$signal, after which the same command resumes', async ({ signal, exitCode }) => {
      const script = '"$0/init/bootstrap.sh" --region "$1" & sleep 1; kill -"$1" "$!"; wait "$!"';
      const ended = await machine.execute(['sh', '-c', script, site.release, signal]);
      expect(ended).toMatchObject({ exitCode });
      await install(site, ['--region', signal]);
      await expectToken();
    });
  },
);
