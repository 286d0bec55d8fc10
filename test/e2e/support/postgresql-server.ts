import { existsSync, readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inside } from './cell.ts';
import type { Machine } from './machine.ts';
import { shell } from './succeed.ts';

/** Where Debian keeps PostgreSQL's programs, on this host as in a cell. */
const VERSIONS = '/usr/lib/postgresql';
const newest = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort().at(-1) : undefined;
const PROGRAMS = `${VERSIONS}/${newest ?? ''}/bin`;

/** Why no server can be started in a cell; undefined if one can. */
export const whyNoPostgresql =
  newest !== undefined && existsSync(`${PROGRAMS}/initdb`) ? undefined : "this needs Debian's postgresql";

/** A server in a cell, for accounts with passwords. */
export interface PostgresqlServer {
  /** Of the empty database `keystone`, without the password. */
  readonly url: string;
  readonly passwordFile: string;
  readonly stop: () => Promise<string>;
  readonly start: () => Promise<string>;
  /** What the query says, a row a line. */
  readonly query: (sql: string) => Promise<string>;
}

const PLACE = '/mnt/postgresql';
const PASSWORD = 'a secret: %41/@?';
const AS_ACCOUNT = 'setpriv --reuid nobody --regid nogroup --clear-groups';

/** Makes and starts it, as an account that is not root. */
export async function startPostgresql(cell: Machine): Promise<PostgresqlServer> {
  const passwordFile = path.join(PLACE, 'password');
  await mkdir(inside(cell, PLACE));
  await writeFile(inside(cell, passwordFile), `${PASSWORD}\n`);
  const control = (verb: string): Promise<string> =>
    shell(
      cell,
      `cd / && exec ${AS_ACCOUNT} "$0/pg_ctl" -D "$1/data" -w -l "$1/log" -o "-k $1 -h 127.0.0.1" "$2" >&2`,
      PROGRAMS,
      PLACE,
      verb,
    );
  await shell(
    cell,
    `chown nobody "$1" "$2" && cd / && exec ${AS_ACCOUNT} "$0/initdb" -D "$1/data" -U keystone -E UTF8 --locale=C -A scram-sha-256 --pwfile="$2"`,
    PROGRAMS,
    PLACE,
    passwordFile,
  );
  await control('start');
  const query = (sql: string, database = 'keystone'): Promise<string> =>
    shell(
      cell,
      `PGPASSWORD=$(cat "$1/password") exec "$0/psql" -h 127.0.0.1 -U keystone -d "$2" -Atc "$3"`,
      PROGRAMS,
      PLACE,
      database,
      sql,
    );
  await query('CREATE DATABASE keystone', 'postgres');
  return {
    url: 'postgresql://keystone@127.0.0.1/keystone',
    passwordFile,
    stop: () => control('stop'),
    start: () => control('start'),
    query,
  };
}
