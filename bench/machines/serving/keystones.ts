import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Machine } from '../../../test/e2e/support/machine.ts';
import {
  ADDRESS,
  adminPassword,
  bootstrap,
  install,
  unpack,
  type Site,
} from '../../../test/e2e/support/site.ts';
import { shell, succeed } from '../../../test/e2e/support/succeed.ts';

/** Where each Keystone serves. */
export const URL = `http://${ADDRESS}:5000/v3`;

/** An administrator whose password is hashed at bcrypt's lowest cost, so that issuing a token costs little else. */
export const QUICK = 'quick';

/** A Keystone on SQLite, in one of its configurations. Only one at a time is running. */
export interface Variant {
  readonly name: string;
  /** Whether it is the release's. */
  readonly bundled: boolean;
  /** The password of the administrators `admin` and `QUICK`. */
  readonly password: string;
  /** Configures it, without starting it. */
  readonly configure: () => Promise<unknown>;
  readonly start: () => Promise<unknown>;
  readonly stop: () => Promise<unknown>;
}

const NO_CACHE = '[cache]\nbackend = dogpile.cache.null\n';
const QUICK_HASHES = '[identity]\npassword_hash_rounds = 4\n';

/** Installs the release; returns it, stopped, with its configurations. */
export async function prepareBundled(
  machine: Machine,
): Promise<{ readonly site: Site; readonly variants: readonly Variant[] }> {
  const site = await unpack(machine, '/srv');
  await install(site, [`--host=${ADDRESS}`, '--processes=2']);
  const password = await adminPassword(site);
  const settings = path.join(machine.root, site.instance, 'etc/keystone.conf.d/bench.conf');
  await writeFile(settings, QUICK_HASHES);
  const manage = [path.join(site.release, 'bin/keystone-manage'), 'bootstrap', '--bootstrap-username', QUICK];
  await succeed(machine, manage, { environment: { OS_BOOTSTRAP_PASSWORD: password } });
  await bootstrap(site, ['stop']);

  let installed = 'mod_wsgi';
  const variant = (server: string, name: string, content: string): Variant => ({
    name: `${server}, ${name}`,
    bundled: true,
    password,
    configure: async () => {
      await writeFile(settings, content);
      if (server === installed) return;
      await install(site, [`--server=${server}`]);
      await bootstrap(site, ['stop']);
      installed = server;
    },
    start: () => bootstrap(site, ['start']),
    stop: () => bootstrap(site, ['stop']),
  });
  const variants = ['mod_wsgi', 'uwsgi'].flatMap((server) => [
    variant(server, '2 processes, memcached (default)', ''),
    variant(server, '2 processes, no cache', NO_CACHE),
  ]);
  return { site, variants };
}

/** What Debian's packages need to serve. */
export const DEBIAN_PACKAGES = ['keystone', 'memcached', 'python3-pymemcache'];
const DEBIAN_DATABASE = '[database]\nconnection = sqlite:////var/lib/keystone/keystonedb\n';
const DEBIAN_MEMCACHED = '[cache]\nbackend = dogpile.cache.pymemcache\nmemcache_servers = 127.0.0.1:11211\n';
const MEMCACHED = '--pidfile /run/memcached.pid --exec /usr/bin/memcached';
const START_MEMCACHED = `start-stop-daemon --start --background --make-pidfile --chuid nobody ${MEMCACHED}`;
const STOP_MEMCACHED = `start-stop-daemon --stop --retry 10 --remove-pidfile ${MEMCACHED}`;
const PREPARE = `
as() { setpriv --reuid=keystone --regid=keystone --clear-groups "$@"; }
account='--keystone-user keystone --keystone-group keystone'
as keystone-manage db_sync
as keystone-manage fernet_setup $account
as keystone-manage credential_setup $account
for user in admin ${QUICK}; do
  as keystone-manage bootstrap --bootstrap-username $user --bootstrap-region-id RegionOne \
    --bootstrap-public-url ${URL} --bootstrap-internal-url ${URL} --bootstrap-admin-url ${URL}
  printf '${QUICK_HASHES.replaceAll('\n', '\\n')}' >/etc/keystone/keystone.conf.d/bench.conf
done`;

/** Prepares the machine's own package; returns its configurations. */
export async function prepareDebian(machine: Machine): Promise<readonly Variant[]> {
  const file = (name: string): string => path.join(machine.root, 'etc/keystone', name);
  const password = 'a password';
  await mkdir(file('keystone.conf.d'));
  await writeFile(file('keystone.conf.d/database.conf'), DEBIAN_DATABASE);
  await succeed(machine, ['sh', '-ec', PREPARE], { environment: { OS_BOOTSTRAP_PASSWORD: password } });
  const server = await readFile(file('keystone-uwsgi.ini'), 'utf8');
  const twoProcesses = server
    .replace(/^processes = .*/m, 'processes = 2')
    .replace(/^threads = .*/m, 'threads = 1');

  const variant = (name: string, ini: string, memcached: boolean): Variant => ({
    name: `Debian, ${name}`,
    bundled: false,
    password,
    configure: async () => {
      await writeFile(file('keystone-uwsgi.ini'), ini);
      await writeFile(file('keystone.conf.d/bench.conf'), memcached ? DEBIAN_MEMCACHED : '');
    },
    start: () => shell(machine, `${memcached ? START_MEMCACHED : ':'} && /etc/init.d/keystone start`),
    stop: () => shell(machine, `/etc/init.d/keystone stop && ${memcached ? STOP_MEMCACHED : ':'}`),
  });
  return [
    variant('8 processes, no cache (default)', server, false),
    variant('2 processes, no cache', twoProcesses, false),
    variant('2 processes, memcached', twoProcesses, true),
  ];
}
