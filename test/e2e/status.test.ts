import { beforeAll, describe, expect, it } from 'vitest';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, bootstrap, install, unpack, type Site } from './support/site.ts';
import { shell as shellOf } from './support/succeed.ts';

const lacking = await whyNoMachines();

interface Problem {
  readonly what: string;
  readonly where: string;
  readonly why: string;
  readonly hint: string;
  readonly details: readonly string[];
}

interface Status {
  readonly ok: boolean;
  readonly daemons: readonly { readonly name: string; readonly pid: number | null }[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

const HOLD = `
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("ready", flush=True)
time.sleep(600)`;

/* The tests build on each other; each breaks something and repairs it. */
describe.skipIf(lacking !== undefined)(
  `status of an instance with a fault${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let python: string;

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS]);
      site = await unpack(machine, '/srv/key stöne');
      python = `${site.release}/bin/python3`;
      await install(site, ['--host', ADDRESS]);
      return () => machine.destroy();
    });

    const status = async (...parameters: readonly string[]): Promise<Status> => {
      const told = await bootstrap(site, ['status', '--json', ...parameters]);
      const facts = JSON.parse(told.stdout) as Status;
      expect(told).toMatchObject({ exitCode: facts.ok ? 0 : 8 });
      for (const { what } of facts.problems) expect(told.stderr).toContain(`error: ${what}`);
      return facts;
    };
    const whats = ({ problems }: Status): string[] => problems.map(({ what }) => what);
    const shell = (script: string, ...parameters: readonly string[]): Promise<string> =>
      shellOf(machine, script, ...parameters);
    /** Starts a program with the release's Python that prints when it is ready; returns its process. */
    const python3 = (script: string, ...parameters: readonly string[]): Promise<string> =>
      shell(
        '"$0" -uBc "$@" >/tmp/said 2>&1 & i=0; until [ -s /tmp/said ] || [ $i -gt 100 ]; do sleep 0.1; i=$((i + 1)); done; echo $!',
        python,
        script,
        ...parameters,
      );

    it('reports none', async () => {
      const facts = await status();
      expect(facts).toMatchObject({ ok: true, problems: [], warnings: [] });
      expect(facts.daemons.map(({ name }) => name)).toEqual(['memcached', 'httpd']);
    });

    it('reports a killed daemon, and the program that took its port', async () => {
      const { daemons } = await status();
      await shell('kill -9 "$0"', String(daemons[1]?.pid));
      const killed = await status();
      expect(whats(killed)[0]).toBe('httpd is not running');
      expect(killed.problems[0]?.why).toContain('workers are left');

      await install(site, ['stop']);
      const thief = await python3(`
import http.server
print("ready")
http.server.ThreadingHTTPServer(("", 5000), http.server.BaseHTTPRequestHandler).serve_forever()`);
      expect(await bootstrap(site, ['start'])).toMatchObject({ exitCode: 7 });
      const taken = await status();
      expect(whats(taken)).toEqual(['httpd is not running', 'port *:5000 is in use']);
      expect(taken.problems[0]?.details.join('\n')).toContain('Address already in use');
      expect(taken.problems[1]?.why).toContain(`(process ${thief})`);

      await shell('kill -9 "$0"', thief);
      await install(site, ['start']);
      expect(await status()).toMatchObject({ ok: true });
    });

    it('reports a service that does not answer', async () => {
      const signal =
        'for f in $(grep -al "^keystone " /proc/[0-9]*/cmdline); do f=${f#/proc/}; kill "$0" "${f%/*}"; done';
      await shell(signal, '-STOP');
      const stopped = await status();
      expect(whats(stopped)).toEqual(['the service does not answer']);
      await shell(signal, '-CONT');
      expect(await status()).toMatchObject({ ok: true });
    });

    it('reports a locked or missing database', async () => {
      const database = `${site.instance}/data/keystone.db`;
      const writer = await python3(HOLD, database);
      const locked = await status();
      expect(whats(locked)).toEqual(['the database is locked']);
      expect(locked.problems[0]?.why).toContain(`(process ${writer})`);
      await shell('kill -9 "$0"', writer);
      await shell('mv "$0" "$0.away"', database);
      expect(whats(await status())).toContain('the database is missing');
      await shell('mv "$0.away" "$0"', database);
      expect(await status()).toMatchObject({ ok: true });
    });

    it('reports a full disk', async () => {
      const directory = `${site.instance}/backups`;
      await shell('mkdir -p "$0" && mount -t tmpfs -o size=1m tmpfs "$0"', directory);
      const full = await status();
      expect(full.problems).toMatchObject([{ what: 'the disk is full', where: directory }]);
      await shell('mount -o remount,size=32m "$0"', directory);
      expect(await status()).toMatchObject({ ok: true, warnings: [{ what: 'the disk is nearly full' }] });
      await shell('umount "$0"', directory);
    });

    it("shows Keystone's message when it cannot create its data", async () => {
      const files = [`${site.instance}/etc/keystone.conf.d/wrong.conf`, `${site.instance}/data/keystone.db`];
      await shell('printf "[catalog]\\ndriver = nowhere\\n" >"$0"; mv "$1" "$1.away"', ...files);
      const failed = await bootstrap(site, ['install']);
      expect(failed).toMatchObject({ exitCode: 7 });
      expect(failed.stderr).toMatch(/^ {2}\| .*nowhere/m);
      const unfinished = await status();
      expect(unfinished.problems[0]?.what).toMatch(/^install of .* was interrupted$/);
      await shell('rm "$0"; mv "$1.away" "$1"', ...files);
      await install(site, ['install']);
      expect(await status()).toMatchObject({ ok: true });
    });

    it('reports an instance that is a copy or was moved', async () => {
      await shell('cp -a "$0" /srv/copy', site.instance);
      const copy = await status('--instance', '/srv/copy');
      expect(whats(copy)).toContain('the instance is a copy');
      expect(copy.problems.find(({ what }) => what.endsWith('copy'))?.why).toContain(site.instance);
      await shell('rm -r /srv/copy && mv "$0" "$0.new"', site.release);
      site = { ...site, release: `${site.release}.new` };
      expect(whats(await status())).toContain('the instance was moved');
    });
  },
);
