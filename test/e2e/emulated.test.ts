import { beforeAll, describe, expect, it } from 'vitest';
import { crossBuilt } from './support/cross-built.ts';
import { startEmulated, startMachine, type Machine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, issueToken, logIn, unpack, type Site } from './support/site.ts';

const OTHER_ADDRESS = '192.168.1.77';
const lacking = exhaustive
  ? await whyNoMachines(['qemu-aarch64-static'])
  : 'only npm run test:exhaustive builds and emulates it';

/** qemu takes ten to twenty times as long as the processor. */
const SLOW = { timeout: 20 * 60_000 };

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `a release for arm64, emulated${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let password: string;

    const succeed = async (parameters: readonly string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await bootstrap(site, parameters, SLOW);
      expect(exitCode, stderr).toBe(0);
      return stdout;
    };

    beforeAll(async () => {
      const from = await crossBuilt();
      machine = await startEmulated('bookworm', [ADDRESS, OTHER_ADDRESS]);
      site = await unpack(machine, '/srv', { from });
      return () => machine.destroy();
    }, 60 * 60_000);

    it('runs in a Debian system for arm64', async () => {
      const python = `${site.release}/bin/python3`;
      const script =
        'import platform, ssl, sqlite3, ctypes; print(platform.machine(), platform.libc_ver()[0])';
      expect(await machine.execute(['uname', '-m'])).toMatchObject({ stdout: 'aarch64' });
      expect(await machine.execute([python, '-c', script])).toMatchObject({ stdout: 'aarch64 glibc' });
    });

    it(
      'is installed, and issues a token',
      async () => {
        await succeed(['--host', ADDRESS, '--port', `${ADDRESS}:5000`, '--processes', '1']);
        password = await adminPassword(site);
        expect(await issueToken(machine, `http://${ADDRESS}:5000/v3`, password)).not.toBe('');
      },
      SLOW.timeout,
    );

    it(
      'moves to another address, and still knows the administrator',
      async () => {
        await succeed(['--host', OTHER_ADDRESS, '--port', `${OTHER_ADDRESS}:5000`]);
        expect(await issueToken(machine, `http://${OTHER_ADDRESS}:5000/v3`, password)).not.toBe('');
      },
      SLOW.timeout,
    );

    it(
      'stops',
      async () => {
        await succeed(['stop']);
        await expect(logIn(machine, `http://${OTHER_ADDRESS}:5000/v3`, password)).rejects.toThrow();
        const left = (await machine.processes()).filter(({ name }) => /httpd|memcached|python/u.test(name));
        expect(left).toEqual([]);
      },
      SLOW.timeout,
    );

    it("is refused on a machine of another kind before anything is written, and so is this one's there", async () => {
      const home = await startMachine('bookworm', [ADDRESS]);
      try {
        const foreign = await unpack(home, '/srv', { from: await crossBuilt() });
        const native = await unpack(machine, '/opt');
        for (const [where, why] of [
          [foreign, /the release is for another kind of processor; this one is x86_64/u],
          [native, /it is for another kind of processor: aarch64/u],
        ] as const) {
          const { exitCode, stderr } = await bootstrap(where, [], SLOW);
          expect(exitCode, stderr).toBe(3);
          expect(stderr).toMatch(why);
          expect(await where.machine.execute(['ls', where.instance])).toMatchObject({ exitCode: 2 });
        }
      } finally {
        await home.destroy();
      }
    });
  },
);
