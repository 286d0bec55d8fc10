import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import { changedSince } from './support/inside.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, issueToken, unpack, type Site } from './support/site.ts';

const INSTALL = ['install', '--host', ADDRESS];
/** Commands that need only a shell and sha256sum of the host, in a possible order. */
const COMMANDS = [
  ['plan'],
  INSTALL,
  [...INSTALL, '--region', 'Other'],
  ['verify'],
  ['status'],
  ['show-config'],
  ['backup'],
  ['maintain'],
  ['restart'],
];

/** Programs that an installer might call. `npm run test:exhaustive` takes them away one by one. */
const OTHERS =
  'awk sed hostname flock mktemp openssl ss tar gzip find id getent uname cksum readlink cat cp mv rm mkdir chown ps kill su'.split(
    ' ',
  );

/**
 * Runs a command in a new mount namespace, in which the directories of programs contain `only` the programs with these
 * paths, or all `without` these. Applies to all its processes.
 */
// The root of a machine is not a mount, whose propagation could be changed.
const NAMESPACE = ['unshare', '--mount', '--propagation=unchanged'];
const VIEW = `
set -e
kind=$1 names=$2
shift 2
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/bin /mnt/sbin
case $kind in
  only)
    cp -L $names /mnt/bin
    ;;
  without)
    cp -a /usr/bin /usr/sbin /mnt
    (cd /mnt/bin && rm -f $names && cd ../sbin && rm -f $names)
    ;;
esac
mount --bind /mnt/sbin /usr/sbin
mount --bind /mnt/bin /usr/bin
exec "$@"`;

const LINK = '/usr/local/bin/keystone-bootstrap';
const STAMP = '/stamp';
const lacking = await whyNoMachines();

describe.skipIf(lacking !== undefined)(
  `a host that lacks programs${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;

    beforeAll(async () => {
      machine = await startMachine('bookworm', [ADDRESS], ['busybox-static']);
      site = await unpack(machine, '/opt');
      await symlink(`${site.release}/init/bootstrap.sh`, path.join(machine.root, LINK));
      for (const applet of ['sh', 'sha256sum'])
        await machine.execute(['install', '-D', '/bin/busybox', `/usr/local/boxes/${applet}`]);
      return () => machine.destroy();
    });

    type View = { readonly only: readonly string[] } | { readonly without: readonly string[] };
    const bootstrap = (
      view: View,
      parameters: readonly string[],
      script = `${site.release}/init/bootstrap.sh`,
    ): Promise<RunResult> => {
      const words = 'only' in view ? ['only', view.only.join(' ')] : ['without', view.without.join(' ')];
      return machine.execute([...NAMESPACE, 'sh', '-c', VIEW, 'sh', ...words, script, ...parameters]);
    };
    const at = (name: string): string[] => ['--instance', `/srv/${name}`];

    /** Expects that a command is refused for the given reason and writes nothing. */
    const expectRefusal = async (
      view: View,
      { parameters, script, reason }: { parameters: readonly string[]; script?: string; reason: string },
    ): Promise<void> => {
      await machine.execute(['touch', STAMP]);
      // File times have a coarse clock; later changes must be newer than the stamp.
      await machine.execute(['sleep', '0.1']);
      const refused = await bootstrap(view, parameters, script);
      expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringContaining(reason) });
      expect(await changedSince(machine, STAMP)).toEqual([]);
    };

    it.each([
      { whose: 'Debian', only: ['/usr/bin/sh', '/usr/bin/sha256sum'], commands: COMMANDS },
      {
        whose: 'busybox',
        only: ['/usr/local/boxes/sh', '/usr/local/boxes/sha256sum'],
        commands: [INSTALL, ['verify']],
      },
    ])('works with only a shell and sha256sum, those of $whose', async ({ whose, only, commands }) => {
      for (const command of commands) {
        const done = await bootstrap({ only }, [...command, ...at(whose)]);
        expect(done, `${command.join(' ')}: ${done.stderr}`).toMatchObject({ exitCode: 0 });
      }
      const password = await adminPassword({ ...site, instance: `/srv/${whose}` });
      expect(await issueToken(machine, `http://${ADDRESS}:5000/v3`, password)).toMatch(/^gAAAA/);
      for (const command of [['stop'], ['start'], ['uninstall']]) {
        const done = await bootstrap({ only }, [...command, ...at(whose)]);
        expect(done, `${command.join(' ')}: ${done.stderr}`).toMatchObject({ exitCode: 0 });
      }
      expect(await machine.processes()).toEqual([]);
    });

    it('reports a missing sha256sum before anything is written, and shows help without it', async () => {
      const view = { without: ['sha256sum'] };
      for (const command of ['install', 'plan', 'verify', 'backup', 'uninstall'])
        await expectRefusal(view, { parameters: [command, ...at('none')], reason: 'sha256sum is missing' });
      expect(await bootstrap(view, ['--help'])).toMatchObject({ exitCode: 0 });
    });

    it('reports a missing readlink when it is called by a symbolic link, and works without it otherwise', async () => {
      const view = { without: ['readlink'] };
      const parameters = ['plan', ...at('none')];
      await expectRefusal(view, { parameters, script: LINK, reason: 'readlink is missing' });
      expect(await bootstrap(view, parameters)).toMatchObject({ exitCode: 0 });
      expect(await bootstrap({ without: [] }, parameters, LINK)).toMatchObject({ exitCode: 0 });
    });

    it('reports a missing tool for accounts, if one is requested', async () => {
      const parameters = ['install', '--create-user', ...at('none')];
      await expectRefusal({ without: ['useradd', 'adduser'] }, { parameters, reason: 'useradd' });
    });

    it('reports that systemd does not run', async () => {
      const parameters = ['install', '--service', 'systemd', ...at('none')];
      await expectRefusal({ without: ['systemctl'] }, { parameters, reason: 'systemd does not run' });
    });

    it.skipIf(!exhaustive).each(OTHERS)('installs, issues a token and stops without %s', async (tool) => {
      const view = { without: [tool] };
      const installed = await bootstrap(view, [...INSTALL, ...at(tool)]);
      expect(installed, installed.stderr).toMatchObject({ exitCode: 0 });
      const password = await adminPassword({ ...site, instance: `/srv/${tool}` });
      expect(await issueToken(machine, `http://${ADDRESS}:5000/v3`, password)).toMatch(/^gAAAA/);
      expect(await bootstrap(view, ['stop', ...at(tool)])).toMatchObject({ exitCode: 0 });
      expect(await machine.processes()).toEqual([]);
    });
  },
);
