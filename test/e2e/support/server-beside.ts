import path from 'node:path';
import { releaseIn } from './cell.ts';
import { CELL, type Machine } from './machine.ts';
import { shell, succeed } from './succeed.ts';

/**
 * A database on a server beside the instances of a cell, like an operator's: the bundle's programs, run by another
 * harmless account, with files that are not on the instances' disk.
 */
export const DATABASE_BESIDE = 'postgresql://daemon@127.0.0.1:5433/postgres';

const SERVER = '/mnt/server';
/** Its files while it is stopped: they belong to an image of the cell. */
const KEPT = path.join(CELL.site, 'server');

/** Arguments: its directory, the release, and the kept files. */
const START = `
as="setpriv --reuid daemon --regid daemon --clear-groups --"
if [ -d "$2" ]; then mv "$2" "$0"; else
  mkdir "$0" && chown daemon: "$0" && cd "$0"
  $as "$1/bin/initdb" -D "$0" -U daemon --auth=trust --no-sync >/dev/null
fi
cd "$0"
tcp="-c port=5433 -c listen_addresses=127.0.0.1 -c unix_socket_directories="
setsid $as "$1/bin/postgres" -D "$0" $tcp >log 2>&1 &
until "$1/bin/pg_isready" -q -h 127.0.0.1 -p 5433; do sleep 0.1; done`;

const KEEP = `
cd "$0"
kill -INT "$(head -n 1 postmaster.pid)"
while [ -e postmaster.pid ]; do sleep 0.05; done
mv "$0" "$1"`;

/** Starts it with the files that the cell's image has kept, or with none. */
export async function startBeside(cell: Machine): Promise<void> {
  await shell(cell, START, SERVER, releaseIn('present'), KEPT);
}

/** Stops it, and keeps its files in the cell's image. */
export async function keepBeside(cell: Machine): Promise<void> {
  await shell(cell, KEEP, SERVER, KEPT);
}

/** Output of a statement in the database. */
export async function queryBeside(cell: Machine, statement: string): Promise<string> {
  const psql = `${releaseIn('present')}/bin/psql`;
  const asked = await succeed(cell, [
    psql,
    '-XAtq',
    '-v',
    'ON_ERROR_STOP=1',
    DATABASE_BESIDE,
    '-c',
    statement,
  ]);
  return asked.trim();
}
