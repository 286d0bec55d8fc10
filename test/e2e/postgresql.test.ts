import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/io/process.ts';
import { ROOT } from './support/cli.ts';
import { runInstallerUnits } from './support/installer-units.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { buildProject } from './support/projects.ts';
import { whyNoMachines } from './support/requirements.ts';
import {
  ADDRESS,
  adminPassword,
  bootstrap,
  install,
  issueToken,
  logIn,
  openstack,
  queryOwn,
  siteAt,
  unpack,
  type Site,
} from './support/site.ts';
import { shell as shellOf } from './support/succeed.ts';

const lacking = await whyNoMachines();
const BUNDLE = 'keystone-postgresql';
const URL = `http://${ADDRESS}:5000/v3`;

interface Status {
  readonly running: boolean;
  readonly daemons: readonly { readonly name: string; readonly pid: number | null }[];
}

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `an instance with its data on the bundle's own server${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let tarball: string;
    let site: Site;
    let password: string;

    beforeAll(async () => {
      tarball = await buildProject(ROOT, BUNDLE);
      machine = await startMachine('bookworm', [ADDRESS]);
      // A socket's path there would be too long; and a shell would expand it in double quotes.
      site = await unpack(machine, `/srv/key stöne $1 'x' "k" \\ \`y\`/${'long'.repeat(25)}`, {
        from: tarball,
      });
      return () => machine.destroy();
    });

    const shell = (script: string, ...parameters: readonly string[]): Promise<string> =>
      shellOf(machine, script, ...parameters);
    /** Processes of the server, by the host's ids. */
    const serving = async (): Promise<string[]> =>
      (await machine.processes())
        .filter(({ program }) => program.endsWith('/bin/postgres'))
        .map(({ pid }) => String(pid));
    const servers = async (): Promise<number> => (await serving()).length;
    const mainPid = async (name: string): Promise<number> => {
      const { stdout } = await bootstrap(site, ['status', '--json']);
      const pid = (JSON.parse(stdout) as Status).daemons.find((daemon) => daemon.name === name)?.pid;
      if (typeof pid !== 'number') throw new Error(`${name} does not run`);
      return pid;
    };
    const makeProjectIn = async (where: Site, name: string): Promise<void> => {
      const made = await openstack(where, ['project', 'create', name]);
      expect(made, made.stderr).toMatchObject({ exitCode: 0 });
    };
    const makeProject = (name: string): Promise<void> => makeProjectIn(site, name);
    const projects = async (): Promise<string[]> => {
      const listed = await openstack(site, ['project', 'list', '-f', 'value', '-c', 'Name']);
      expect(listed, listed.stderr).toMatchObject({ exitCode: 0 });
      return listed.stdout.split('\n').toSorted();
    };

    it('has no trace of the server unless it is requested', async () => {
      await install(site, ['--host', ADDRESS]);
      expect(await servers()).toBe(0);
      expect(await shell('find "$0" -name "*postgres*" -o -name "pg_*"', site.instance)).toBe('');
      await install(site, ['uninstall', '--purge', '--yes']);
    });

    it('issues tokens, and has no SQLite file', async () => {
      await install(site, ['--host', ADDRESS, '--database', 'embedded', '--processes', '1']);
      password = await adminPassword(site);
      await issueToken(machine, URL, password);
      await makeProject('Zürich 😀');
      expect(await projects()).toEqual(['Zürich 😀', 'admin'].toSorted());
      expect(await shell('find "$0" -name "*.db"', site.instance)).toBe('');
      expect(await shell('stat -c %a "$0/data/postgresql" "$0/run/postgresql"', site.instance)).toBe(
        '700\n700',
      );
    });

    it('is not touched by a second run', async () => {
      const before = await Promise.all(['postgresql', 'memcached', 'httpd'].map(mainPid));
      await install(site, ['--host', ADDRESS]);
      expect(await Promise.all(['postgresql', 'memcached', 'httpd'].map(mainPid))).toEqual(before);
    });

    it('ends with all its processes, and starts again', async () => {
      await install(site, ['stop']);
      expect(await servers()).toBe(0);
      await install(site, ['start']);
      await issueToken(machine, URL, password);
    });

    it('reports that its server was killed, and recovers with one start', async () => {
      await shell('kill -9 "$0"', String(await mainPid('postgresql')));
      while ((await servers()) > 0) await new Promise((resolve) => setTimeout(resolve, 50));
      expect((await logIn(machine, URL, password)).status).toBe(503);
      const told = await bootstrap(site, ['status']);
      expect(told.exitCode).not.toBe(0);
      expect(told.stderr + told.stdout).toContain('postgresql is not running');
      await install(site, ['start']);
      await issueToken(machine, URL, password);
      expect(await projects()).toContain('Zürich 😀');
    });

    it('serves from its new place after mv', async () => {
      const place = '/srv/moved';
      await shell('mv "$0" "$1"', site.release, place);
      site = siteAt(machine, place);
      await install(site, []);
      await issueToken(machine, URL, password);
      expect(await projects()).toContain('Zürich 😀');
    });

    it('restores a backup', async () => {
      await install(site, ['backup', '/var/tmp/one.backup']);
      await makeProject('later');
      await install(site, ['restore', '/var/tmp/one.backup']);
      await issueToken(machine, URL, password);
      expect(await projects()).toEqual(['Zürich 😀', 'admin'].toSorted());
    });

    it('is restored from a backup to an empty place', async () => {
      await install(site, ['uninstall', '--purge', '--yes']);
      expect(await servers()).toBe(0);
      await install(site, ['restore', '/var/tmp/one.backup']);
      await issueToken(machine, URL, password);
      expect(await projects()).toEqual(['Zürich 😀', 'admin'].toSorted());
    });

    it('is purged with its data', async () => {
      await install(site, ['uninstall', '--purge', '--yes']);
      expect(await servers()).toBe(0);
      expect(await shell('ls "$0" 2>/dev/null || true', site.instance)).toBe('');
    });

    it('reports a full disk, and recovers with one start when there is room', async () => {
      const place = '/srv/small';
      await shell('mkdir "$0" && mount -t tmpfs -o size=160m tmpfs "$0"', place);
      const small = { ...site, instance: `${place}/instance` };
      const at = ['--instance', small.instance];
      await install(small, ['--host', ADDRESS, '--database', 'embedded', '--processes', '1', ...at]);
      password = await adminPassword(small);
      await makeProjectIn(small, 'before');
      const filler = `${place}/filler`;
      await shell('! cat /dev/zero >"$0" 2>/dev/null', filler);
      // More than fits into its journal.
      const much =
        "SELECT pg_logical_emit_message(true, 'x', repeat('x', 1000000)) FROM generate_series(1, 40)";
      await expect(queryOwn(small, much, 'postgres')).rejects.toThrow(
        /No space left|server closed the connection/,
      );
      // It recovers, or ends without room even for that; a power cut always ends it.
      for (let left = await serving(); left.length > 0; left = await serving())
        await run(['kill', '-KILL', ...left]);
      expect((await logIn(machine, URL, password)).status).toBe(503);
      const told = await bootstrap(small, ['status', ...at]);
      expect(told).toMatchObject({ exitCode: 8 });
      expect(told.stderr).toContain('error: the disk is full');
      expect(told.stderr).toContain('free some space');
      expect(told.stderr).toContain('postgresql is not running');
      const early = await bootstrap(small, ['start', ...at]);
      expect([0, 7]).toContain(early.exitCode);
      if (early.exitCode !== 0) expect(early.stderr).toContain('error: the disk is full');
      await shell('rm "$0"', filler);
      await install(small, ['start', ...at]);
      await issueToken(machine, URL, password);
      await makeProjectIn(small, 'after');
      expect(await queryOwn(small, "SELECT count(*) FROM project WHERE name IN ('before', 'after')")).toBe(
        '2',
      );
      expect(await bootstrap(small, ['status', ...at])).toMatchObject({ exitCode: 0 });
      await install(small, ['uninstall', '--purge', '--yes', ...at]);
    });

    it('passes its unit tests on the server that was built', async () => {
      const tested = await runInstallerUnits(tarball, 'test_postgresql');
      expect(tested, tested.stdout).toMatchObject({ exitCode: 0 });
      expect(tested.stdout).toMatch(/^1\d passed, 0 failed, 0 skipped/m);
    });

    it('accepts rows of other databases, and supplies its own', async () => {
      const tested = await runInstallerUnits(tarball, 'test_rows');
      expect(tested, tested.stdout).toMatchObject({ exitCode: 0 });
      expect(tested.stdout).not.toContain('skipped: test_rows.RowsTest.test_postgresql');
    });
  },
);
