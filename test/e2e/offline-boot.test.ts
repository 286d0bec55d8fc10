import { beforeAll, describe, expect, it } from 'vitest';
import type { DebianSuite } from './support/debian-root.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, install, logIn, openstack, unpack, type Site } from './support/site.ts';

const lacking = await whyNoMachines();

const GNU_TAR = ['tar'];
const BUSYBOX_TAR = ['busybox', 'tar'];

/** `npm run test:exhaustive` boots each suite with each tar, `npm test` the oldest and the newest release. */
const HOSTS: readonly {
  readonly suite: DebianSuite;
  readonly tar: readonly string[];
  readonly always?: true;
}[] = [
  { suite: 'bullseye', tar: GNU_TAR, always: true },
  { suite: 'bullseye', tar: BUSYBOX_TAR },
  { suite: 'bookworm', tar: GNU_TAR },
  { suite: 'bookworm', tar: BUSYBOX_TAR },
  { suite: 'trixie', tar: GNU_TAR },
  { suite: 'trixie', tar: BUSYBOX_TAR, always: true },
  { suite: 'sid', tar: GNU_TAR },
  { suite: 'sid', tar: BUSYBOX_TAR },
];
const CHOSEN = HOSTS.filter(({ always }) => exhaustive || always).map(({ suite, tar }) => ({
  suite,
  tar,
  name: `Debian ${suite}, ${tar === GNU_TAR ? 'GNU' : 'busybox'} tar`,
}));

describe.skipIf(lacking !== undefined).each(CHOSEN)(
  `a minimal host without a network${lacking === undefined ? '' : ` (${lacking})`}: $name`,
  ({ suite, tar }) => {
    let machine: Machine;
    let site: Site;

    beforeAll(async () => {
      machine = await startMachine(suite, [ADDRESS], tar === BUSYBOX_TAR ? ['busybox-static'] : []);
      return () => machine.destroy();
    });

    it('has no network, no Python and no compiler', async () => {
      const route = await machine.executeInNetwork(['ip', 'route', 'show', 'default']);
      expect(route.stdout).toBe('');
      const found = await machine.execute(['sh', '-c', 'command -v python3 cc gcc curl; true']);
      expect(found.stdout).toBe('');
    });

    it('unpacks and boots under a path with a space and an umlaut', async () => {
      site = await unpack(machine, '/srv/key stöne', { tar });
      const done = await install(site, ['--host', ADDRESS, '--port', '5000', '--port', '35357']);
      expect(done.stdout).toContain(`http://${ADDRESS}:5000/v3`);
    });

    it.each([5000, 35357])("issues a token to the bundle's client through port %i", async (port) => {
      const issued = await openstack(site, ['token', 'issue', '-f', 'json'], {
        url: `http://${ADDRESS}:${port}/v3`,
      });
      expect(issued).toMatchObject({ exitCode: 0 });
      expect(JSON.parse(issued.stdout)).toMatchObject({ id: expect.stringMatching(/^gAAAA/) });
    });

    it.each([5000, 35357])('refuses a wrong password at port %i', async (port) => {
      expect(await logIn(machine, `http://${ADDRESS}:${port}/v3`, 'wrong')).toMatchObject({ status: 401 });
    });
  },
);
