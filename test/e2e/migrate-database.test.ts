import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { hashBytes } from '../../src/io/files.ts';
import type { RunResult } from '../../src/io/process.ts';
import { inside } from './support/cell.ts';
import { ROOT } from './support/cli.ts';
import { startServerMachine, type DatabaseServer } from './support/database-servers.ts';
import { PASSWORD_FILE } from './support/server-secrets.ts';
import { findLosses, makeData, type Data, type Service } from './support/keystone-data.ts';
import type { Machine } from './support/machine.ts';
import { buildProject } from './support/projects.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, install, unpack, type Site } from './support/site.ts';
import { shell } from './support/succeed.ts';

const lacking = await whyNoMachines(['openssl']);
/** Of the server. */
const DATABASE = 'identity';

/** The last step in the journal of an interrupted run. */
const STEPS = exhaustive
  ? ['rehearse', 'stop', 'copy', 'switch', 'write', 'check configuration', 'start', 'prove', 'receipt']
  : ['rehearse', 'copy', 'switch'];

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `data that is migrated to another database${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let service: Service;
    let server: DatabaseServer;
    let data: Data;

    beforeAll(async () => {
      ({ machine, server } = await startServerMachine('postgresql', [ADDRESS]));
      await server.make(DATABASE);
      // It has its own server, too.
      site = await unpack(machine, '/srv', { from: await buildProject(ROOT, 'keystone-postgresql') });
      await install(site, [`--host=${ADDRESS}`, '--processes=1']);
      service = { machine, url: `http://${ADDRESS}:5000/v3` };
      data = await makeData(service, await adminPassword(site), 'one');
      return () => machine.destroy();
    });

    const query = (sql: string): Promise<string> => server.query(DATABASE, sql);
    const empty = (): Promise<string> =>
      query('DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION keystone');
    const file = (): string => inside(machine, `${site.instance}/data/keystone.db`);
    const toServer = (): string[] => [
      'migrate-database',
      '--to',
      server.url(DATABASE),
      '--database-password-file',
      PASSWORD_FILE,
    ];
    const TO_FILE = ['migrate-database', '--to', 'sqlite'];
    const TO_OWN = ['migrate-database', '--to', 'embedded'];
    const removeOwn = (): Promise<string> =>
      shell(machine, 'cd "$0" && rm -r data/postgresql keys/postgresql.databases', site.instance);
    /** The number of processes of the instance's own server. */
    const servers = async (): Promise<number> =>
      (await machine.processes()).filter(({ program }) => program.endsWith(`${site.release}/bin/postgres`))
        .length;
    /** Lost data, and errors. */
    const faults = async (): Promise<string[]> => {
      const { exitCode, stderr } = await bootstrap(site, ['status']);
      return [...(await findLosses(service, data)), ...(exitCode === 0 ? [] : [stderr])];
    };

    it('refuses an unreachable server, and a database that is not empty, while the service runs', async () => {
      await server.kill();
      const away = await bootstrap(site, toServer());
      expect(away).toMatchObject({ exitCode: 3 });
      expect(away.stderr).toContain('cannot be reached');
      await server.start();
      await query('CREATE TABLE somebodys (id integer)');
      const taken = await bootstrap(site, toServer());
      expect(taken).toMatchObject({ exitCode: 3 });
      expect(taken.stderr).toContain('the database is not empty');
      await query('DROP TABLE somebodys');
      expect(await faults()).toEqual([]);
    });

    /** The file's contents, one row per line. */
    const execute = (sql: string): Promise<string> =>
      shell(
        machine,
        '"$0/bin/python3" -c "$1" "$2/data/keystone.db" "$3"',
        site.release,
        'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute(sys.argv[2]).fetchall()); c.commit()',
        site.instance,
        sql,
      );

    it('lists the rows that the server refuses, and serves as before', async () => {
      await execute("UPDATE project SET name = printf('%.100c', 'x') WHERE name = 'one'");
      const refused = await bootstrap(site, toServer());
      expect(refused).toMatchObject({ exitCode: 6 });
      expect(refused.stderr).toContain('value too long');
      await execute("UPDATE project SET name = 'one' WHERE name LIKE 'xxx%'");
      expect(await faults()).toEqual([]);
    });

    it('moves to a server: tokens and passwords stay valid, and the file is unchanged', async () => {
      const { stderr } = await install(site, toServer());
      expect(stderr).toMatch(/copy .* rows, the same in all \d+ tables/);
      expect(stderr).toMatch(/without service for \d/);
      expect(stderr).toContain(`to remove it: rm ${site.instance}/data/keystone.db`);
      const left = hashBytes(await readFile(file()));
      expect(await faults()).toEqual([]);
      expect(await execute("SELECT count(*) FROM project WHERE name = 'one'")).toContain('(1,)');
      expect(hashBytes(await readFile(file()))).toBe(left);
      expect(await query("SELECT count(*) FROM project WHERE name = 'one'")).toBe('1');
      expect((await install(site, toServer())).stderr).toContain('the data is in that database already');
    });

    it('is backed up and restored on the server', async () => {
      await install(site, ['backup', '/var/tmp/saved.tar.gz']);
      await query("UPDATE project SET name = 'lost' WHERE name = 'one'");
      await install(site, ['restore', '/var/tmp/saved.tar.gz']);
      expect(await faults()).toEqual([]);
    });

    it("moves to the bundle's own server, which runs from then on, and is backed up and restored there", async () => {
      const { stderr } = await install(site, TO_OWN);
      expect(stderr).toMatch(/copy .* rows, the same in all \d+ tables/);
      expect(await servers()).toBeGreaterThan(0);
      expect(await faults()).toEqual([]);
      expect(await query("SELECT count(*) FROM project WHERE name = 'one'")).toBe('1');
      expect((await install(site, [])).stderr).toContain('nothing to change');
      await install(site, ['backup', '/var/tmp/own.tar.gz']);
      await install(site, ['restore', '/var/tmp/own.tar.gz']);
      expect(await faults()).toEqual([]);
      await empty();
    });

    it('returns to a file, once the former one is moved away', async () => {
      expect(await bootstrap(site, TO_FILE)).toMatchObject({ exitCode: 3 });
      await rm(file());
      const { stderr } = await install(site, TO_FILE);
      expect(stderr).toContain(`to remove it: rm -r ${site.instance}/data/postgresql `);
      expect(await servers()).toBe(0);
      expect(await faults()).toEqual([]);
    });

    it('refuses a backup of another database, and a database that may hold data', async () => {
      const other = await bootstrap(site, ['restore', '/var/tmp/own.tar.gz']);
      expect(other).toMatchObject({ exitCode: 3 });
      expect(other.stderr).toContain('data/postgresql/keystone.dump');
      const taken = await bootstrap(site, TO_OWN);
      expect(taken).toMatchObject({ exitCode: 3 });
      expect(taken.stderr).toContain('there is a database already');
      expect(await faults()).toEqual([]);
      await removeOwn();
    });

    it.each(STEPS)('is finished by the next run after SIGKILL at: %s', async (step) => {
      const legs = [
        { to: toServer(), remove: () => rm(file()) },
        { to: TO_OWN, remove: empty },
        { to: TO_FILE, remove: removeOwn },
      ];
      for (const { to, remove } of legs) {
        const cut = await killAt(site, to, step);
        expect([137, undefined]).toContain(cut.exitCode);
        expect((await bootstrap(site, ['status'])).stderr).toContain('migrate-database of');
        await install(site, to);
        expect(await faults()).toEqual([]);
        await remove();
      }
    });
  },
);

/** Kills the installer unless it has just ended. */
const KILL = `
for place in /proc/[0-9]*; do
  if tr '\\0' ' ' <"$place/cmdline" 2>/dev/null | grep -q 'init/[i]nstaller .*migrate-database'; then
    kill -9 "\${place#/proc/}" || :
  fi
done`;

/** Runs bootstrap, and kills the installer as soon as its journal has the step. */
async function killAt(site: Site, parameters: readonly string[], step: string): Promise<RunResult> {
  const { machine, instance } = site;
  const journal = inside(machine, path.join(instance, 'journal'));
  const [before] = (await readFile(journal, 'utf8')).split('\n');
  const running = bootstrap(site, parameters);
  const ended = running.then(() => true);
  while (!(await Promise.race([ended, setTimeout(5, false)]))) {
    const [begin, ...steps] = (await readFile(journal, 'utf8')).split('\n');
    if (begin !== before && steps.some((line) => line.includes(`"step": "${step}"`))) {
      await shell(machine, KILL);
      break;
    }
  }
  return running;
}
