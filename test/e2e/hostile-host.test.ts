import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import { releaseName } from './support/bundle.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { bootstrap, siteAt, unpack, type Site } from './support/site.ts';

/** A library of every Debian that the release does not need. */
const STRANGER = 'libanl.so.1';

/** The environment of a careless or broken login, which must not reach the release's programs. */
const ENVIRONMENT = {
  LD_PRELOAD: STRANGER,
  LD_LIBRARY_PATH: '/junk',
  PYTHONPATH: '/junk',
  PYTHONHOME: '/junk',
  PYTHONSTARTUP: '/junk/rc',
  PYTHONWARNINGS: 'error',
  PYTHONINSPECT: '1',
  PYTHONIOENCODING: 'ascii',
  PATH: '/junk/bin',
  IFS: 'a/ ',
  CDPATH: '/junk:/usr',
  ENV: '/junk/rc',
  BASH_ENV: '/junk/rc',
  GLOBIGNORE: '*',
  SHELLOPTS: 'noglob:noclobber',
  POSIXLY_CORRECT: '1',
  LANG: 'xx_YY.ISO-8859-42',
  LC_ALL: 'tr_TR',
  LANGUAGE: 'de',
  TZ: '../../junk/rc',
  HOME: '/nonexistent',
  TMPDIR: '/nonexistent',
  XDG_CACHE_HOME: '/junk',
  http_proxy: 'http://127.0.0.1:9',
  https_proxy: 'http://127.0.0.1:9',
  all_proxy: 'socks5://127.0.0.1:9',
  OPENSSL_CONF: '/junk/openssl.cnf',
  SSL_CERT_FILE: '/nonexistent',
  SSLKEYLOGFILE: '/junk/keylog',
  REQUESTS_CA_BUNDLE: '/nonexistent',
  OS_AUTH_URL: 'https://elsewhere.invalid/v3',
  OS_CLOUD: 'elsewhere',
  OS_PASSWORD: 'elsewhere',
  OS_TOKEN: 'elsewhere',
  OS_KEYSTONE_CONFIG_DIR: '/junk',
  OS_KEYSTONE_CONFIG_FILES: '/junk/keystone.conf',
  OS_BOOTSTRAP_PASSWORD: 'elsewhere',
  OS_DATABASE__CONNECTION: 'sqlite:////junk/keystone.db',
  KEYSTONE_CONFIG: '/junk',
  SQLITE_TMPDIR: '/nonexistent',
  MALLOC_PERTURB_: '42',
} as const;

/** Programs that are first on PATH and must not be run; no shell builtins. */
const FAKES =
  'sha256sum readlink uname id getent useradd python3 openssl hostname ps ip ss systemctl env cat';

/** Characters that file systems allow in names and docs/bootstrap.md does not refuse. */
const NAME = `-we ird ü'"$5 $$ $(id) \`id\` *[a-z]{x,y};&|<>#!~^=@,+\\n%s`;

/** Restricts the host, one thing per line. Run in the machine as root, with its own mounts and network. */
const POVERTY = `
  set -e
  mkdir -p /junk/bin
  for name in ${FAKES}; do printf '#!/bin/sh\\ntouch /junk/ran-%s\\n' "$name" >/junk/bin/$name; done
  printf 'touch /junk/ran-rc\\n' >/junk/rc
  printf 'openssl_conf = broken\\n[broken\\n' >/junk/openssl.cnf
  for name in libpython3.13.so.1.0 libssl.so.3 encodings.py site.py; do echo junk >/junk/$name; done
  chmod -R 777 /junk && chmod 755 /junk/bin/*
  rmdir /dev/shm
  : >/etc/hosts
  rm -f /etc/resolv.conf /etc/localtime /etc/nsswitch.conf
  sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 || echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
  mount -t tmpfs -o ro,noexec,nosuid,nodev tmpfs /tmp
`;

/** Lines of `rights`, by path. */
function rightsByPath(lines: string): ReadonlyMap<string, string> {
  const split = lines.split('\n').map((line) => /^(\S+ \S+ \S+) (.*)$/.exec(line));
  return new Map(split.flatMap((found) => (found === null ? [] : [[found[2] ?? '', found[1] ?? '']])));
}

const lacking = await whyNoMachines();

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `a hostile host${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    /** In a directory with an ordinary name. */
    let plain: Site;
    /** In one with an extraordinary one. */
    let strange: Site;

    beforeAll(async () => {
      machine = await startMachine('bookworm', []);
      plain = await unpack(machine, '/srv/plain');
      strange = siteAt(machine, `/srv/${NAME}/${releaseName()}`);
      await shell('mkdir "/srv/$1" && mv "$0" "/srv/$1/"', plain.release, NAME);
      await shell(POVERTY);
      // Only bootstrap needs these.
      await shell('mkdir -p /mnt/noexec /mnt/readonly && ln -s "$0" /srv/link', strange.release);
      return () => machine.destroy();
    });

    const run = async (argv: readonly string[], environment = {}): Promise<RunResult> =>
      machine.execute(argv, { environment });
    const shell = async (script: string, ...parameters: readonly string[]): Promise<string> => {
      const result = await run(['sh', '-c', script, ...parameters]);
      if (result.exitCode !== 0) throw new Error(`${script}: ${result.stdout}\n${result.stderr}`);
      return result.stdout;
    };
    /** The shell script `around` runs "$@", which is bootstrap.sh with the parameters. */
    const within = async (
      around: string,
      parameters: readonly string[],
      { script = `${strange.release}/init/bootstrap.sh`, environment = {} } = {},
    ): Promise<RunResult> => run(['/bin/sh', '-c', around, 'sh', script, ...parameters], environment);
    const rights = (instance: string): Promise<string> =>
      shell(
        String.raw`cd "$0" && find . ! -name '*.pyc' ! -path './run/*' ! -path './tmp/*' -printf '%m %U %G %p\n' | sort`,
        instance,
      );
    const expectRefused = (result: RunResult, ...words: readonly string[]): void => {
      expect(result).toMatchObject({ exitCode: 3 });
      for (const word of words) expect(result.stderr).toContain(word);
    };

    it('installs under umask 000, in a hostile environment and directory', async () => {
      const around = 'umask 000; ulimit -Sn 64; cd /junk; exec "$@" <&-';
      const installed = await within(around, ['install'], { environment: ENVIRONMENT });
      expect(installed).toMatchObject({ exitCode: 0 });
      expect(await shell('ls /junk')).not.toMatch(/ran-|keylog|keystone\.db/);
      for (const { pid } of await machine.processes()) {
        const variables = await readFile(`/proc/${pid}/environ`, 'latin1');
        expect(variables).not.toMatch(/junk|elsewhere|nonexistent|libanl/);
        expect(await readFile(`/proc/${pid}/maps`, 'latin1')).not.toMatch(/junk|libanl/);
      }
      // Run by hand, the release's Python leaves no byte code, which would not be part of the release.
      await shell('cd / && "$0/bin/python3" -c "import this, xmlrpc.client"', strange.release);
      expect(await within('exec "$@"', ['verify'], { environment: ENVIRONMENT })).toMatchObject({
        exitCode: 0,
      });
      for (const value of ['elsewhere', 'junk', 'nonexistent']) {
        const found = await run(['grep', '-rlF', '--', value, strange.instance]);
        expect(found.stdout, value).toBe('');
      }
    });

    it('gives everything the same permissions under umask 077, and changes nothing else', async () => {
      const before = await rights(strange.instance);
      const again = await within('umask 077; unset HOME PATH; exec "$@"', ['install']);
      expect(again).toMatchObject({ exitCode: 0 });
      expect(again.stderr).toContain('nothing to change');
      expect(await rights(strange.instance)).toBe(before);
      expect(before).not.toMatch(/^\d*[1-7] \S+ \S+ .*(?<!\.sock)$/m);
    });

    it('is installed without standard streams, without a working directory, and through links', async () => {
      const closed = 'mkdir /gone; cd /gone; rmdir /gone; exec "$@" <&- >&- 2>&-';
      expect(await within(closed, ['restart'])).toMatchObject({ exitCode: 0 });
      const linked = await within('cd /srv; exec "$@"', ['status'], { script: 'link/init/bootstrap.sh' });
      expect(linked).toMatchObject({ exitCode: 0 });
      expect(linked.stdout).toContain(`${strange.instance}\n`);
      const relative = await within('cd "$(dirname "$1")"; shift; exec ./bootstrap.sh "$@"', ['verify']);
      expect(relative).toMatchObject({ exitCode: 0 });
      const piped = await within('"$@" | true', ['show-config']);
      expect(piped.stderr).not.toContain('Traceback');
      const full = await within('exec "$@" >/dev/full', ['show-config']);
      expect(full.exitCode).not.toBe(0);
      expect(full.stderr).not.toContain('Traceback');
      expect(await within('exec "$@"', ['stop'])).toMatchObject({ exitCode: 0 });
    });

    it('refuses an unusable place or limits before anything is written', async () => {
      const target = (name: string): string[] => ['install', '--instance', name];
      await shell(
        'mount --bind "$0" /mnt/noexec && mount -o remount,bind,noexec /mnt/noexec',
        strange.release,
      );
      // Only a shell reads the script there; the kernel does not start it.
      const noexec = await run(['sh', '/mnt/noexec/init/bootstrap.sh', ...target('/srv/new')]);
      expectRefused(noexec, 'noexec');
      await shell('mount -t tmpfs -o ro tmpfs /mnt/readonly && ln -s nowhere /srv/plain/dangling');
      const gone = 'mkdir /gone; cd /gone; rmdir /gone; exec "$@"';
      const refusals: [string, string, number, string][] = [
        ['exec "$@"', '/mnt/readonly/new', 3, 'read-only'],
        ['exec "$@"', '/srv/new\nline', 2, 'control character'],
        ['exec "$1" install --instance "$(printf "/srv/new\\377")"', '/srv/new', 2, 'UTF-8'],
        ['exec "$@"', '/srv/new?', 3, 'contains ?'],
        ['exec "$@"', '/srv/new${HOME}', 3, 'contains ${'],
        ['exec "$@"', '/srv/new$HOME', 3, 'contains $H'],
        ['exec "$@"', `/srv/${'new'.repeat(86)}`, 3, 'too long'],
        ['exec "$@"', `/srv${'/new'.repeat(112)}`, 3, 'too long'],
        ['exec "$@"', '/proc/new', 3, 'too full'],
        ['exec "$@"', '/dev/null', 3, 'not a directory'],
        ['exec "$@"', '/srv/plain/dangling', 3, 'not a directory'],
        ['exec "$@"', '/etc', 3, 'not empty'],
        ['ulimit -n 256; exec "$@"', '/srv/new', 3, 'open files'],
        [gone, 'new', 2, 'working directory no longer exists'],
      ];
      for (const [around, instance, exitCode, word] of refusals) {
        const refused = await within(around, target(instance));
        expect({ instance, exitCode: refused.exitCode, said: refused.stderr }).toEqual({
          instance,
          exitCode,
          said: expect.stringContaining(word) as string,
        });
      }
      await shell('mkdir -m 700 /srv/plain/closed');
      const all = [...target('/srv/plain/closed/new'), '--port', '192.0.2.1:5000'];
      const several = await within('ulimit -n 256; exec "$@"', all);
      expectRefused(several, 'open files', 'cannot enter', 'cannot listen on 192.0.2.1:5000');
      const places: [string, string][] = [
        ['a:b', 'contains :'],
        ['${HOME}', 'contains ${'],
        ['a\\nb', 'control character'],
        ['\\377', 'not UTF-8'],
      ];
      const elsewhere =
        'place=/mnt/$(printf "$1") && mkdir "$place" && mount --bind "$0" "$place" && "$place/init/bootstrap.sh" install --instance /srv/new';
      for (const [name, word] of places) {
        const refused = await run(['sh', '-c', elsewhere, strange.release, name]);
        expectRefused(refused, word);
      }
      expect(await shell('find /srv -maxdepth 2')).not.toContain('new');
      expect(await shell('ls -A /mnt/readonly')).toBe('');
    });

    it('serves from a read-only release, with a long path to a hidden, linked instance', async () => {
      const long = `/srv/plain/${'lóng '.repeat(25)}a:b %d $(id) @(x);/${'x'.repeat(200)}`;
      await shell('mkdir -p "$0" && mkdir /srv/plain/target && ln -s /srv/plain/target "$0/-i"', long);
      await shell('mount --bind "$0" /mnt/noexec && mount -o remount,bind,ro /mnt/noexec', strange.release);
      const site: Site = { machine, release: '/mnt/noexec', instance: `${long}/-i` };
      const around = 'umask 027; exec "$@"';
      const installed = await within(around, ['install', '--server', 'uwsgi', '--instance', site.instance], {
        script: '/mnt/noexec/init/bootstrap.sh',
      });
      expect(installed).toMatchObject({ exitCode: 0 });
      // Common files of both servers have the same rights, here and under umask 000.
      const made = rightsByPath(await rights(site.instance));
      const former = rightsByPath(await rights(strange.instance));
      const common = [...made].filter(([name]) => former.has(name));
      expect(common.map(([name]) => name)).toEqual(
        expect.arrayContaining(['./data/keystone.db', './keys/fernet/0']),
      );
      for (const [name, right] of common) expect([name, right]).toEqual([name, former.get(name)]);
      expect(await bootstrap(site, ['verify', '--instance', site.instance])).toMatchObject({ exitCode: 0 });
      const purge = ['uninstall', '--purge', '--yes', '/srv/last.tar.gz', '--instance', site.instance];
      expect(await bootstrap(site, purge)).toMatchObject({ exitCode: 0 });
      expect(await shell('ls -A /srv/plain "$0"', long)).not.toMatch(/target|-i/);
    });
  },
);
