import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import { earlierTarball } from './support/bundle.ts';
import { ROOT } from './support/cli.ts';
import { startServerMachine, type ServerKind } from './support/database-servers.ts';
import { findLosses, makeData, type Data, type Service } from './support/keystone-data.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { buildProject } from './support/projects.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { AUTHORITY, PASSWORD_FILE } from './support/server-secrets.ts';
import {
  ADDRESS,
  adminPassword,
  alterRelease,
  bootstrap,
  install,
  pretendVersion,
  queryOwn,
  unpack,
  type Site,
} from './support/site.ts';

const lacking = await whyNoMachines(['openssl']);
/** PostgreSQL is both outside and in the bundle; `npm run test:exhaustive` tries all. */
const KINDS = exhaustive
  ? (['mariadb', 'postgresql', 'embedded', 'embedded of PostgreSQL 17'] as const)
  : (['mariadb', 'embedded of PostgreSQL 17'] as const);
const DATABASE = 'identity';
/** The former server's major version, for the last kind; Debian has it. */
const MAJOR = '17';

/* As in upgrade.test.ts: the last migration of 29.1.0 is undone, so that one is pending. */
const FORMER = 'e8725d6fa226';
const LATEST = '742c857f1dfb';
const INDEXES = ['ix_revocation_event_project_id_user_id', 'ix_revocation_event_composite'];

/** Two releases, and the data's place in the former one. */
interface Place {
  readonly machine: Machine;
  readonly old: Site;
  readonly site: Site;
  readonly answers: readonly string[];
  /** Output of a statement. */
  readonly query: (sql: string) => Promise<string>;
}

async function onServer(kind: ServerKind): Promise<Place> {
  const { machine, server } = await startServerMachine(kind, [ADDRESS]);
  await server.make(DATABASE);
  const old = await unpack(machine, '/srv', { from: earlierTarball() });
  const site = await unpack(machine, '/opt');
  const options = { 'database-url': server.url(DATABASE), 'database-password-file': PASSWORD_FILE };
  const answers = Object.entries({ ...options, 'database-ca': AUTHORITY }).map(
    ([name, value]) => `--${name}=${value}`,
  );
  return { machine, old, site, answers, query: (sql) => server.query(DATABASE, sql) };
}

/** No earlier version has its own server: the former release is the present one under another version. */
async function embedded(major?: string): Promise<Place> {
  const machine = await startMachine('trixie', [ADDRESS], major === undefined ? [] : [`postgresql-${major}`]);
  const from = await buildProject(ROOT, 'keystone-postgresql');
  const old = await unpack(machine, '/srv', { from });
  const site = await unpack(machine, '/opt', { from });
  await pretendVersion(old, '29.9.0');
  if (major !== undefined) await useDebianServer(old, major);
  const query = (sql: string): Promise<string> => queryOwn(old, sql).catch(() => queryOwn(site, sql));
  return { machine, old, site, answers: ['--database=embedded'], query };
}

function start(kind: (typeof KINDS)[number]): Promise<Place> {
  if (kind === 'embedded') return embedded();
  return kind === 'embedded of PostgreSQL 17' ? embedded(MAJOR) : onServer(kind);
}

/** Gives a release the server's programs that the machine has. */
async function useDebianServer(old: Site, major: string): Promise<void> {
  for (const name of ['postgres', 'initdb', 'psql', 'pg_dump', 'pg_restore', 'pg_isready'])
    await alterRelease(
      old,
      `bin/${name}`,
      () => `#!/bin/sh\nexec /usr/lib/postgresql/${major}/bin/${name} "$@"\n`,
    );
  await alterRelease(old, 'share/postgresql/postgres.bki', (text) =>
    text.replace(/^# PostgreSQL \d+$/mu, `# PostgreSQL ${major}`),
  );
  // It has no such setting.
  await alterRelease(old, 'init/installer/kit/data/templates/postgresql.conf', (text) =>
    text.replace(/^io_method.*$/mu, ''),
  );
}

/* For each kind of server, the tests build on each other, in order. */
describe.skipIf(lacking !== undefined).each(KINDS)(
  `an upgrade of Keystone with its data on a server: %s${lacking === undefined ? '' : ` (${lacking})`}`,
  (kind) => {
    let place: Place;
    let service: Service;
    let data: Data;

    beforeAll(async () => {
      place = await start(kind);
      const { machine, old, answers, query } = place;
      service = { machine, url: `http://${ADDRESS}:5000/v3` };
      await install(old, [`--host=${ADDRESS}`, '--processes=1', ...answers]);
      data = await makeData(service, await adminPassword(old), 'kept');
      for (const name of INDEXES)
        await query(`DROP INDEX ${name}${kind === 'mariadb' ? ' ON revocation_event' : ''}`);
      await query(`UPDATE alembic_version SET version_num = '${FORMER}' WHERE version_num = '${LATEST}'`);
      return () => machine.destroy();
    });

    const versions = (): Promise<string> => place.query('SELECT version_num FROM alembic_version');
    /** Whether the bundle's own server and its data are of the former major version, if that is another one. */
    async function expectMajor({ machine, instance }: Site, former: boolean): Promise<void> {
      if (kind !== 'embedded of PostgreSQL 17') return;
      const asked = await machine.execute(['cat', `${instance}/data/postgresql/PG_VERSION`]);
      const majors = [asked.stdout.trim(), (await place.query('SHOW server_version')).split('.')[0]];
      expect(majors.map((major) => major === MAJOR)).toEqual([former, former]);
      const names = ['-name', 'postgresql.new*', '-o', '-name', 'postgresql.former*'];
      const left = await machine.execute(['find', instance, ...names]);
      expect(left).toMatchObject({ exitCode: 0, stdout: '' });
    }
    const upgrade = (): Promise<RunResult> => bootstrap(place.site, ['upgrade', '--from', place.old.release]);

    /** The running programs are the site's, and no data are lost. */
    async function expectToServe({ machine, release }: Site): Promise<void> {
      expect(await findLosses(service, data)).toEqual([]);
      const running = (await machine.processes()).filter(({ name }) => ['httpd', 'memcached'].includes(name));
      const origins = running.map(({ program }) => path.dirname(path.dirname(program)));
      expect(new Set(origins.map((origin) => origin.replace(machine.root, '')))).toEqual(new Set([release]));
    }

    it("restores the server's data if the new version does not serve", async () => {
      const undo = await alterRelease(
        place.site,
        'init/services/keystone/templates/keystone.wsgi',
        (text) => `${text}\nraise SystemError\n`,
      );
      const failed = await upgrade();
      expect(failed, failed.stderr).toMatchObject({ exitCode: 6 });
      expect(failed.stderr).toContain('the former release serves again');
      await undo();
      expect(await versions()).toContain(FORMER);
      await expectMajor(place.old, true);
      await expectToServe(place.old);
    });

    it('upgrades the tables, and keeps data, passwords and tokens', async () => {
      const upgraded = await upgrade();
      expect(upgraded, upgraded.stderr).toMatchObject({ exitCode: 0 });
      expect(upgraded.stderr).toContain('the data must be upgraded');
      expect(await versions()).toContain(LATEST);
      await expectMajor(place.site, false);
      await expectToServe(place.site);
    });

    it('is undone by rollback: the old version serves, with the former data', async () => {
      await makeData(service, data.password, 'lost');
      const back = await bootstrap(place.site, ['rollback']);
      expect(back, back.stderr).toMatchObject({ exitCode: 0 });
      expect(await versions()).toContain(FORMER);
      expect(await place.query("SELECT count(*) FROM project WHERE name = 'lost'")).toBe('0');
      await expectMajor(place.old, true);
      await expectToServe(place.old);
    });
  },
);
