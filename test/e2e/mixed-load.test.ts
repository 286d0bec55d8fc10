import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DatabaseServer } from './support/database-servers.ts';
import { installOn, type DatabaseKind } from './support/keystone-on.ts';
import type { Machine } from './support/machine.ts';
import { loadMixed, loadMixedMeanwhile, type Load, type Loaded } from './support/mixed-load.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, install, type Site } from './support/site.ts';

const lacking = await whyNoMachines(['openssl']);
const URL = `http://${ADDRESS}:5000/v3`;
const CLIENTS = 32;
/** Of each client, at least. */
const ROUNDS = 4;

/**
 * Only MariaDB is always tried. Since 11.6.2 it refuses to change a row that another transaction has changed meanwhile, which
 * the others do not, and it locks the gaps between rows.
 */
const DATABASES: readonly DatabaseKind[] = exhaustive ? ['mariadb', 'postgresql', 'sqlite'] : ['mariadb'];

describe.skipIf(lacking !== undefined).each(DATABASES)(
  `${CLIENTS} clients that write at the same time: %s${lacking === undefined ? '' : ` (${lacking})`}`,
  (database) => {
    let machine: Machine;
    let server: DatabaseServer | undefined;
    let site: Site;
    let load: Load;

    beforeAll(async () => {
      ({ machine, server, site } = await installOn(database));
      // With Keystone's own cost of a password, nearly all time would go by without a transaction.
      const settings = path.join(machine.root, site.instance, 'etc/keystone.conf.d/cost.conf');
      await writeFile(settings, '[identity]\npassword_hash_rounds = 4\n', { mode: 0o644 });
      await install(site, ['restart']);
      load = { url: URL, password: await adminPassword(site), clients: CLIENTS };
      return () => machine.destroy();
    });

    const report = (what: string, { requests, seconds, wrong }: Loaded): void => {
      console.log(
        `${database}, ${what}: ${requests} requests, ${wrong.length} errors, ${seconds.toFixed(1)} s`,
      );
    };

    it('each get the right answer to every request', async () => {
      const until = exhaustive ? { rounds: ROUNDS, seconds: 60 } : { rounds: ROUNDS };
      const loaded = await loadMixed(machine, load, until);
      report('all the time', loaded);
      expect(loaded.wrong).toEqual([]);
      expect(loaded.requests).toBeGreaterThanOrEqual(CLIENTS * ROUNDS * 5);
    });

    it.runIf(exhaustive && database !== 'sqlite')(
      'are told of a lost database while it is gone, and served again without a restart',
      async () => {
        const before = (await machine.processes()).filter(({ name }) => name === 'httpd');
        const { loaded, result } = await loadMixedMeanwhile(machine, load, async () => {
          await setTimeout(10_000);
          const lost = Date.now();
          await server?.kill();
          await setTimeout(10_000);
          await server?.start();
          const back = Date.now();
          await setTimeout(10_000);
          return { lost, back };
        });
        report('with an outage', loaded);
        const unexpected = loaded.wrong.filter(
          ({ status, start, end }) => status !== 503 || end < result.lost || start > result.back,
        );
        expect(unexpected).toEqual([]);
        expect(loaded.wrong.length).toBeGreaterThan(0);
        expect(loaded.last).toBeGreaterThan(result.back);
        expect((await machine.processes()).filter(({ name }) => name === 'httpd')).toEqual(before);
      },
    );
  },
);
