import { earlierTarball, tarball } from './bundle.ts';
import { ROOT } from './cli.ts';
import type { ReleaseAge } from './cell.ts';
import { send } from './http.ts';
import type { Machine } from './machine.ts';
import { buildProject, buildVersions } from './projects.ts';
import { DATABASE_BESIDE, keepBeside, queryBeside, startBeside } from './server-beside.ts';
import { adminPassword, logIn, pretendVersion, queryOwn, type Site } from './site.ts';
import { succeed } from './succeed.ts';

/** A description of a run's change, and its parameters. */
export type Alteration = readonly [words: string, parameters: readonly string[]];

/** A bundle for the installer's generic tests, with the facts that they need. */
export interface TestedBundle {
  readonly name: string;
  /** Makes its tarball, and that of a version that it can upgrade. */
  readonly tarballs: () => Promise<Readonly<Record<ReleaseAge, string>>>;
  /** Turns the release in this directory into the former one, if both tarballs are the same. */
  readonly makeFormer?: (release: string) => Promise<unknown>;
  /** Parameters of an install with as few processes as possible. */
  readonly install: readonly string[];
  /** Its port, and another one. */
  readonly port: number;
  readonly otherPort: number;
  /** Runs with its own answers, one after the other. */
  readonly alterations: readonly Alteration[];
  /** Adds a text to the data of an instance that serves at the port; without it, an install makes data. */
  readonly fill?: (site: Site, port: number, text: string) => Promise<unknown>;
  /** Reads facts of an instance; returns a check that it serves its data, and the text, at a port on loopback. */
  readonly observe: (site: Site) => Promise<(port: number, text?: string) => Promise<boolean>>;
  /** A server on the host that the instances use. */
  readonly beside?: {
    /** Starts it with the kept files, if there are any. */
    readonly start: (cell: Machine) => Promise<unknown>;
    /** Stops it, and keeps its files in the cell's image. */
    readonly keep: (cell: Machine) => Promise<unknown>;
  };
  /** Its programs that the installer waits for, by the end of an argument. */
  readonly helpers: readonly string[];
  /** Limit of written bytes, in the form of mount(8). */
  readonly size?: string;
  /** Regular expression of an instance's files that running daemons write. */
  readonly volatile: string;
}

export const KEYSTONE: TestedBundle = {
  name: 'keystone',
  tarballs: async () => ({ present: tarball(), former: earlierTarball() }),
  install: ['--processes', '1'],
  port: 5000,
  otherPort: 5001,
  alterations: [
    ['other answers', ['--region', 'South', '--port', '5001', '--demo']],
    ['another server', ['--server', 'uwsgi']],
  ],
  observe: async (site) => {
    const password = await adminPassword(site);
    return async (port) => {
      const url = `http://127.0.0.1:${port}/v3`;
      const answer = await logIn(site.machine, url, password).catch(() => undefined);
      return answer?.status === 201;
    };
  },
  helpers: ['init/services/keystone/boot.py'],
  volatile: 'run/(?!memcached$).*|tmp/.*',
};

/* The schema before the last migration of Keystone 29.1.0, so that one is pending. */
export const FORMER_SCHEMA = `
DROP INDEX ix_revocation_event_project_id_user_id; DROP INDEX ix_revocation_event_composite;
UPDATE alembic_version SET version_num = 'e8725d6fa226' WHERE version_num = '742c857f1dfb'`;

/** Of Keystone on a server that the query asks: its schema is a former one, and a project has the text. */
function onServer(
  query: (site: Site, statement: string) => Promise<string>,
): Required<Pick<TestedBundle, 'fill' | 'observe'>> {
  return {
    fill: (site, _port, text) =>
      query(site, `${FORMER_SCHEMA}; UPDATE project SET description = '${text}' WHERE name = 'admin'`),
    observe: async (site) => {
      const servesAt = await KEYSTONE.observe(site);
      return async (port, text = TEXT) =>
        (await servesAt(port)) &&
        (await query(site, "SELECT description FROM project WHERE name = 'admin'")) === text;
    },
  };
}

/** Keystone with its data on the bundle's own server. */
export const EMBEDDED: TestedBundle = {
  ...KEYSTONE,
  name: 'keystone-postgresql',
  tarballs: async () => {
    const file = await buildProject(ROOT, 'keystone-postgresql');
    return { present: file, former: file };
  },
  makeFormer: (release) => pretendVersion({ machine: { root: '/' }, release }, '29.9.0'),
  install: ['--processes', '1', '--database', 'embedded'],
  alterations: [],
  ...onServer(queryOwn),
  helpers: [...KEYSTONE.helpers, 'bin/pg_dump', 'bin/pg_restore'],
  size: '400m',
  // The server itself is asked for its data.
  volatile: `${KEYSTONE.volatile}|data/postgresql/.*`,
};

/** The same with its data on an operator's server. */
export const EXTERNAL: TestedBundle = {
  ...EMBEDDED,
  name: 'keystone with an external database',
  install: ['--processes', '1', '--database-url', DATABASE_BESIDE],
  ...onServer(({ machine }, statement) => queryBeside(machine, statement)),
  beside: { start: startBeside, keep: keepBeside },
  helpers: KEYSTONE.helpers,
  volatile: KEYSTONE.volatile,
};

/** The text that the generic tests add. */
export const TEXT = 'kept';

export const NOTES: TestedBundle = {
  name: 'notes',
  tarballs: () => buildVersions('notes', 'notes-1.1'),
  install: ['--processes', '1'],
  port: 8080,
  otherPort: 8081,
  alterations: [
    ['other answers', ['--title', "Alice's & Bob's", '--port', '8081']],
    ['another server', ['--server', 'uwsgi']],
  ],
  fill: async ({ machine }, port, text) => {
    const url = `http://127.0.0.1:${port}/`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    await send(machine, { method: 'POST', url, headers, body: `text=${text}` });
  },
  observe:
    async ({ machine }) =>
    async (port, text = TEXT) => {
      const url = `http://127.0.0.1:${port}/`;
      const answer = await send(machine, { method: 'GET', url }).catch(() => undefined);
      return answer?.body?.includes(`<li>${text}</li>`) === true;
    },
  helpers: ['notes.manage'],
  volatile: 'run/.*|tmp/.*',
};

export const REDIS: TestedBundle = {
  name: 'redis',
  tarballs: () => buildVersions('redis', 'redis-8'),
  install: [],
  port: 6379,
  otherPort: 6380,
  alterations: [['another port', ['--port', '6380']]],
  fill: async (site, port, text) => {
    const client = redisClient(site, port, await redisPassword(site));
    await succeed(site.machine, [...client, 'SET', text, 'noted']);
    // A backup contains only saved data.
    await succeed(site.machine, [...client, 'SAVE']);
  },
  observe: async (site) => {
    const password = await redisPassword(site);
    return async (port, text = TEXT) => {
      const asked = await site.machine.execute([...redisClient(site, port, password), 'GET', text]);
      return asked.stdout.trim() === 'noted';
    };
  },
  helpers: [],
  // The times of saving do not matter; the test asks it for its data.
  volatile: 'run/.*|tmp/.*|data/redis/.*',
};

function redisClient({ release }: Site, port: number, password: string): string[] {
  return ['env', `REDISCLI_AUTH=${password}`, `${release}/bin/redis-cli`, '-p', String(port)];
}

async function redisPassword({ machine, instance }: Site): Promise<string> {
  return (await succeed(machine, ['cat', `${instance}/keys/password`])).trim();
}
