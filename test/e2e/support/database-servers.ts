import { chown, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { DebianSuite } from './debian-root.ts';
import { startMachine, type OpenMachine } from './machine.ts';
import { makeServerSecrets, NOBODY, PASSWORD } from './server-secrets.ts';
import { shell } from './succeed.ts';

export type ServerKind = 'mariadb' | 'postgresql';

/** A database server of Debian in a test machine, on loopback, with TLS, initially without databases. */
export interface DatabaseServer {
  readonly kind: ServerKind;
  /** The URL of a database, as operators give it: without a password. */
  readonly url: (database: string, host?: string) => string;
  /** Creates a database in which `ACCOUNT`, with `PASSWORD`, has all rights. */
  readonly make: (database: string) => Promise<void>;
  /** Output of a statement run by the server's administrator. */
  readonly query: (database: string, statement: string) => Promise<string>;
  readonly start: () => Promise<void>;
  /** Ends it as a crash does. */
  readonly kill: () => Promise<void>;
}

const ACCOUNT = 'keystone';

const PACKAGES: Readonly<Record<ServerKind, readonly string[]>> = {
  mariadb: ['mariadb-server-core', 'mariadb-client-core'],
  postgresql: ['postgresql-15'],
};
/** Variables for the commands of this module: servers refuse to run as root. */
const PRELUDE = `
as='setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups'; cd /srv/db; PATH=$PATH:/usr/lib/postgresql/15/bin
`;

interface ServerMachineOptions {
  readonly suite?: DebianSuite;
  /** Further packages of the machine. */
  readonly packages?: readonly string[];
}

/** A machine with the server's programs, as the suite has them. */
export async function startServerMachine(
  kind: ServerKind,
  addresses: readonly string[],
  { suite = 'bookworm', packages = [] }: ServerMachineOptions = {},
): Promise<{ readonly machine: OpenMachine; readonly server: DatabaseServer }> {
  const machine = await startMachine(suite, addresses, [...PACKAGES[kind], ...packages]);
  const directory = path.join(machine.root, 'srv/db');
  await mkdir(directory);
  await makeServerSecrets(machine);
  const inMachine = (script: string, ...parameters: readonly string[]): Promise<string> =>
    shell(machine, `set -e\n${PRELUDE}${script}`, ...parameters);
  const { url, ...server } = kind === 'mariadb' ? mariadb(inMachine) : postgresql(inMachine);
  await chown(directory, NOBODY, NOBODY);
  await server.install();
  await server.start();
  return {
    machine,
    server: { kind, ...server, url: (database, host = '127.0.0.1') => url.replace('HOST', host) + database },
  };
}

type InMachine = (script: string, ...parameters: readonly string[]) => Promise<string>;
type Installable = Omit<DatabaseServer, 'url' | 'kind'> & {
  readonly url: string;
  readonly install: () => Promise<unknown>;
};

function mariadb(inMachine: InMachine): Installable {
  const client = 'mariadb --no-defaults --skip-ssl -h 127.0.0.1 -u root -N';
  const query = (database: string, statement: string): Promise<string> =>
    inMachine(`${client} -e "$2" "$1"`, 'sh', database, statement);
  return {
    url: `mysql://${ACCOUNT}@HOST/`,
    install: () =>
      inMachine(
        '$as mariadb-install-db --no-defaults --force --skip-test-db --auth-root-authentication-method=normal --datadir=/srv/db/data >&2',
      ),
    start: async () => {
      const tls = '--ssl-cert=/srv/tls/server.pem --ssl-key=/srv/tls/server.key';
      await inMachine(`$as mariadbd --no-defaults --datadir=/srv/db/data --socket=/srv/db/socket --pid-file=/srv/db/pid \\
        --bind-address=127.0.0.1 ${tls} </dev/null >/srv/db/log 2>&1 &
        for i in $(seq 300); do if ${client} -e 'SELECT 1' >/dev/null 2>&1; then exit 0; fi; sleep 0.1; done; cat log >&2; exit 1`);
    },
    kill: async () => {
      await inMachine('kill -9 "$(cat pid)"; while [ -e "/proc/$(cat pid)" ]; do sleep 0.05; done');
    },
    make: async (database) => {
      await query(
        'mysql',
        `CREATE DATABASE ${database};
        GRANT ALL ON ${database}.* TO '${ACCOUNT}'@'%' IDENTIFIED BY '${PASSWORD}'`,
      );
    },
    query,
  };
}

function postgresql(inMachine: InMachine): Installable {
  const query = (database: string, statement: string): Promise<string> =>
    inMachine(
      '$as psql -qtA -v ON_ERROR_STOP=1 -h /srv/db -U postgres -c "$2" "$1"',
      'sh',
      database,
      statement,
    );
  return {
    url: `postgresql://${ACCOUNT}@HOST/`,
    install: () =>
      inMachine(`$as initdb -D data -U postgres --auth-local=trust --auth-host=scram-sha-256 -E UTF8 --locale=C --no-sync
        for line in "listen_addresses = '127.0.0.1'" "unix_socket_directories = '/srv/db'" 'ssl = on' \\
          "ssl_cert_file = '/srv/tls/server.pem'" "ssl_key_file = '/srv/tls/server.key'"; do
          echo "$line" >>data/postgresql.conf
        done`),
    start: async () => {
      await inMachine('$as pg_ctl -D data -l log -w start');
    },
    kill: async () => {
      // A killed server's children survive for a moment and hold its memory.
      await inMachine('$as pg_ctl -D data -m immediate stop');
    },
    make: async (database) => {
      await query(
        'postgres',
        `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '${ACCOUNT}') THEN
        CREATE ROLE ${ACCOUNT} LOGIN PASSWORD '${PASSWORD}'; END IF; END $$`,
      );
      await query('postgres', `CREATE DATABASE ${database} OWNER ${ACCOUNT}`);
    },
    query,
  };
}
