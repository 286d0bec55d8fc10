import { startServerMachine, type DatabaseServer, type ServerKind } from './database-servers.ts';
import { startMachine, type Machine } from './machine.ts';
import { AUTHORITY, PASSWORD_FILE } from './server-secrets.ts';
import { ADDRESS, install, unpack, type Site } from './site.ts';

export type DatabaseKind = 'sqlite' | ServerKind;

/** A machine with Keystone at `ADDRESS`, whose data is in a file or on a server of Debian in the same machine. */
export async function installOn(database: DatabaseKind): Promise<{
  readonly machine: Machine;
  readonly server: DatabaseServer | undefined;
  readonly site: Site;
}> {
  const { machine, server } =
    database === 'sqlite'
      ? { machine: await startMachine('trixie', [ADDRESS]), server: undefined }
      : await startServerMachine(database, [ADDRESS], {
          suite: database === 'mariadb' ? 'trixie' : 'bookworm',
        });
  await server?.make('identity');
  const answers =
    server === undefined
      ? []
      : [
          `--database-url=${server.url('identity')}`,
          `--database-password-file=${PASSWORD_FILE}`,
          `--database-ca=${AUTHORITY}`,
        ];
  const site = await unpack(machine, '/srv');
  await install(site, [`--host=${ADDRESS}`, ...answers]);
  return { machine, server, site };
}
