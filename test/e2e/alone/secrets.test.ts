import { mkdir, mkdtemp, readFile, readdir } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/io/files.ts';
import { startMachine, type ExecuteOptions, type Machine } from '../support/machine.ts';
import { whyNoMachines } from '../support/requirements.ts';
import { ADDRESS, bootstrap, issueToken, openstack, unpack, type Site } from '../support/site.ts';
import { straceInto, tracedOutput } from '../support/trace.ts';
import { succeed } from '../support/succeed.ts';

const OTHER_ADDRESS = '192.168.1.77';
const INSTANCE = '/srv/keystone/instance';
/** Common to every spelling of the password: no format quotes any of it. */
const CORE = 'Geheim4711Nichtweitersagen';
const PASSWORD = `${CORE} %a$s&w\\o'r"d`;
/** Places for secrets. Backups are compressed: their mode protects the contents. */
const KEEPERS = /^(?:(?:admin|demo)-password|keys\/(?:fernet|credential)\/\d+)$/;
const lacking = await whyNoMachines();

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `the secrets of an instance, and its host${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let directory: string;
    let before: readonly string[];
    const outputs: string[] = [];
    const secrets: string[] = [CORE];

    beforeAll(async () => {
      directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-traces-'));
      machine = await startMachine('bookworm', [ADDRESS, OTHER_ADDRESS]);
      site = { ...(await unpack(machine, '/opt')), instance: INSTANCE };
      await machine.execute(['useradd', '--system', '--no-create-home', 'ident']);
      await shell(
        'umask 077; mkdir -p /srv/keystone /root/own; chmod 755 /srv/keystone; cat >/root/own/password',
        { input: `${PASSWORD}\n` },
      );
      before = await listing();
      return async () => {
        await machine.destroy();
        await removeTree(directory);
      };
    });

    const shell = (script: string, options: ExecuteOptions = {}): Promise<string> =>
      succeed(machine, ['sh', '-c', script, INSTANCE], options);
    /** Every file of the machine with its kind, rights, owner, size, times and target. */
    const listing = async (): Promise<string[]> =>
      (await shell("find / -xdev -printf '%p\\t%y %m %U:%G %s %T@ %C@ %l\\n'")).split('\n').toSorted();
    /** Names that two listings do not have in common, outside the instance. */
    const differences = async (): Promise<string[]> => {
      const after = await listing();
      const [one, other] = [new Set(before), new Set(after)];
      const names = [
        ...before.filter((line) => !other.has(line)),
        ...after.filter((line) => !one.has(line)),
      ].map((line) => line.split('\t')[0] ?? '');
      return [...new Set(names)].filter((name) => !`${name}/`.startsWith(`${INSTANCE}/`)).toSorted();
    };
    /** Runs bootstrap under strace, and keeps its output. */
    const traced = async (parameters: readonly string[]): Promise<number | undefined> => {
      const trace = path.join(directory, String(outputs.length));
      await mkdir(trace);
      const { exitCode } = await bootstrap(site, [...parameters, '--instance', INSTANCE], {
        wrapper: straceInto(trace),
      });
      outputs.push(await tracedOutput(trace));
      return exitCode;
    };

    it('are made, and used by every command', async () => {
      const install = ['install', '--host', ADDRESS, '--user', 'ident', '--demo'];
      const made = await traced([...install, '--admin-password-file', '/root/own/password']);
      expect(made, outputs.at(-1)).toBe(0);
      secrets.push(
        // A key ends with no line break.
        ...(await shell('for file in "$0/demo-password" "$0"/keys/*/[0-9]*; do cat "$file"; echo; done'))
          .split('\n')
          .filter((secret) => secret !== ''),
      );
      secrets.push(await issueToken(machine, `http://${ADDRESS}:5000/v3`, PASSWORD));
      for (const parameters of [
        ['plan', '--host', OTHER_ADDRESS],
        ['install', '--host', OTHER_ADDRESS],
        ['backup'],
        ['maintain'],
        ['restart'],
        ['status', '--json'],
        ['show-config', '--admin-password-file', '/root/own/password'],
        ['verify', '--json'],
      ]) {
        expect(await traced(parameters), outputs.at(-1)).toBe(0);
      }
      const client = await openstack(site, ['token', 'issue', '-f', 'value', '-c', 'id']);
      secrets.push(client.stdout.trim());
      expect(secrets.every((secret) => secret.length > 20)).toBe(true);
      expect(new Set(secrets).size).toBeGreaterThan(7);
    });

    it('appear on no command line and in no environment', async () => {
      const told = [...outputs];
      for (const { pid } of await machine.processes()) {
        for (const name of ['cmdline', 'environ'])
          told.push(await readFile(`/proc/${pid}/${name}`, 'latin1'));
      }
      let started = 0;
      for (const run of await readdir(directory)) {
        for (const name of await readdir(path.join(directory, run))) {
          const lines = (await readFile(path.join(directory, run, name), 'utf8')).split('\n');
          const executed = lines.filter((line) => line.startsWith('execve'));
          started += executed.length;
          told.push(...executed);
        }
      }
      // A test that traced nothing must not pass.
      expect(started).toBeGreaterThan(30);
      expect(secrets.filter((secret) => told.some((text) => text.includes(secret)))).toEqual([]);
    });

    it('are in their own files, and in no other file of the machine', async () => {
      const patterns = '/var/tmp/patterns';
      await shell(`umask 077; cat >${patterns}`, { input: secrets.join('\n') });
      const found = await shell(
        `find / -xdev -type f ! -path ${patterns} -print0 | xargs -0 grep -lF -f ${patterns} -- || [ $? -eq 123 ]`,
      );
      await shell(`rm ${patterns}`);
      const holders = found.split('\n').map((file) => file.replace(`${INSTANCE}/`, ''));
      expect(holders).toContain('admin-password');
      expect(holders.filter((file) => !KEEPERS.test(file) && file !== '/root/own/password')).toEqual([]);
    });

    it('are closed to all other users, like the rest of the instance', async () => {
      const rights = new Map(
        (await shell('find "$0" -printf "%P\\t%m %u:%g %y\\n"')).split('\n').map((line) => {
          const [name = '', facts = ''] = line.split('\t');
          return [name, facts];
        }),
      );
      // Files in a closed directory are out of reach whatever their mode; httpd chooses that of a pid file.
      const open = [...rights].filter(([, facts]) => /^\d*[1-7] /.test(facts) && !facts.endsWith('l'));
      expect(open.map(([name]) => name).filter((name) => name !== 'run/httpd.pid')).toEqual([]);
      for (const [name, facts] of rights) {
        const expected = expectedRights(name);
        if (expected !== undefined) expect([name, facts]).toEqual([name, expected]);
      }
      for (const name of ['keys', 'keys/fernet/0', 'etc/keystone.conf', 'data', 'backups', 'log/keystone']) {
        expect(rights.has(name), name).toBe(true);
      }
    });

    it('appear nowhere that another user can read, list or connect to', async () => {
      const look = 'ls "$0" "$0/keys"; cat "$0/journal" "$0/lock" "$0"/backups/*';
      const other = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
      const closed = await machine.execute([...other, 'sh', '-c', look, INSTANCE]);
      expect(closed.exitCode).not.toBe(0);
      expect(closed.stdout).toBe('');
    });

    it('are removed with the instance, which leaves the host unchanged', async () => {
      // The directories of new files, and of temporary files of shells.
      const touched = new Set(['/srv/keystone', '/tmp', '/var/tmp', '/root']);
      expect((await differences()).filter((name) => !touched.has(name))).toEqual([]);
      expect(await traced(['uninstall', '--purge', '--yes', '/root/last.tar.gz'])).toBe(0);
      expect(await machine.processes()).toEqual([]);
      expect((await differences()).filter((name) => !touched.has(name))).toEqual(['/root/last.tar.gz']);
      expect(await shell('ls -A /srv/keystone; stat -c "%a %U" /root/last.tar.gz')).toBe('600 root');
    });

    /** The statement of docs/bootstrap.md about files of root's installations, without links. */
    function expectedRights(name: string): string | undefined {
      const rules: [RegExp, string][] = [
        [/^$/, '750 root:ident d'],
        [/^keys(?:\/fernet|\/credential)?$/, '700 ident:ident d'],
        [/^keys\/(?:fernet|credential)\/\d+$/, '600 ident:ident f'],
        [/^etc(?:\/keystone\.conf\.d|\/domains)?$/, '750 root:ident d'],
        [/^etc\/[^/]+\.(?:conf|json|wsgi)$/, '640 root:ident f'],
        [/^data$/, '700 ident:ident d'],
        [/^data\/keystone\.db$/, '640 ident:ident f'],
        [/^log(?:\/keystone)?$/, '750 ident:ident d'],
        [/^run$/, '750 ident:ident d'],
        [/^tmp$/, '700 ident:ident d'],
        [/^backups$/, '700 root:root d'],
        [
          /^(?:backups\/.*|journal|(?:admin|demo)-(?:password|openrc\.sh)|clouds\.yaml|NEXT-STEPS)$/,
          '600 root:root f',
        ],
        [/^receipt\.json$/, '640 root:ident f'],
      ];
      return rules.find(([pattern]) => pattern.test(name))?.[1];
    }
  },
);
