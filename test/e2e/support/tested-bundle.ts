import { earlierTarball, tarball } from './bundle.ts';
import { ROOT } from './cli.ts';
import type { ReleaseAge } from './cell.ts';
import { send } from './http.ts';
import { buildProject, buildVersions } from './projects.ts';
import { adminPassword, logIn, pretendVersion, queryOwn, type Site } from './site.ts';
import { succeed } from './succeed.ts';

/** What a run changes, in words, and its parameters. */
export type Alteration = readonly [words: string, parameters: readonly string[]];

/** A bundle that the installer's generic tests run with, and what they must know of it. */
export interface TestedBundle {
  readonly name: string;
  /** Makes its tarball, and that of a version whose instances it takes over. */
  readonly tarballs: () => Promise<Readonly<Record<ReleaseAge, string>>>;
  /** Makes the former release what it is, where both tarballs are the same; it lies in this directory. */
  readonly makeFormer?: (release: string) => Promise<unknown>;
  /** Parameters of an install with as few processes as will do. */
  readonly install: readonly string[];
  /** Where it serves then, and another port. */
  readonly port: number;
  readonly otherPort: number;
  /** Runs with answers that are its own, one after the other. */
  readonly alterations: readonly Alteration[];
  /** Adds a text to the data of an instance that serves at the port; without it, an install makes data. */
  readonly fill?: (site: Site, port: number, text: string) => Promise<unknown>;
  /** Learns of an instance what tells whether it serves its data, and the text, at a port of the machine's loopback. */
  readonly observe: (site: Site) => Promise<(port: number, text?: string) => Promise<boolean>>;
  /** Programs of its own that the installer runs and waits for, by the end of an argument of theirs. */
  readonly helpers: readonly string[];
  /** How much can be written where it is tested, as mount(8) takes it. */
  readonly size?: string;
  /** Regular expression of files of an instance that daemons write as they run. */
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

/* The schema before the last migration of Keystone 29.1.0, so that an upgrade has one to do. */
const FORMER_SCHEMA = `
DROP INDEX ix_revocation_event_project_id_user_id; DROP INDEX ix_revocation_event_composite;
UPDATE alembic_version SET version_num = 'e8725d6fa226' WHERE version_num = '742c857f1dfb'`;

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
  fill: async (site, _port, text) => {
    await queryOwn(site, `${FORMER_SCHEMA}; UPDATE project SET description = '${text}' WHERE name = 'admin'`);
  },
  observe: async (site) => {
    const servesAt = await KEYSTONE.observe(site);
    return async (port, text = TEXT) =>
      (await servesAt(port)) &&
      (await queryOwn(site, "SELECT description FROM project WHERE name = 'admin'")) === text;
  },
  helpers: [...KEYSTONE.helpers, 'bin/pg_dump', 'bin/pg_restore'],
  size: '400m',
  // What the server's files hold is asked of it.
  volatile: `${KEYSTONE.volatile}|data/postgresql/.*`,
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
    // A backup has what is saved.
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
  // When it saves, and when it did, is its own business; what it has is asked for.
  volatile: 'run/.*|tmp/.*|data/redis/.*',
};

function redisClient({ release }: Site, port: number, password: string): string[] {
  return ['env', `REDISCLI_AUTH=${password}`, `${release}/bin/redis-cli`, '-p', String(port)];
}

async function redisPassword({ machine, instance }: Site): Promise<string> {
  return (await succeed(machine, ['cat', `${instance}/keys/password`])).trim();
}
