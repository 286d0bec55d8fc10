import { beforeAll, describe, expect, it } from 'vitest';
import { send } from './support/http.ts';
import { changedSince, dumpDatabase, fingerprint } from './support/inside.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import {
  ADDRESS,
  adminPassword,
  bootstrap,
  install,
  issueToken,
  openstack,
  siteAt,
  unpack,
  type Site,
} from './support/site.ts';

const OTHER_ADDRESS = '192.168.1.77';
const STAMP = '/stamp';
const lacking = await whyNoMachines();

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `an instance that is installed, run again, moved and given another address${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let password: string;
    let token: string;

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS, OTHER_ADDRESS]);
      site = await unpack(machine, '/srv/key stöne');
      return () => machine.destroy();
    });

    const keys = (): Promise<ReadonlyMap<string, string>> => fingerprint(machine, `${site.instance}/keys`);
    /** Files that an unchanged run must not touch; logs and sockets belong to the daemons. */
    const lasting = async (): Promise<unknown> => {
      const prints = await fingerprint(machine, site.instance);
      return [...prints].filter(([file]) => !/^(?:log|run|tmp|data|lock)(?:\/|$)/.test(file));
    };
    const daemons = async (): Promise<number[]> => (await machine.processes()).map(({ pid }) => pid);
    const validate = async (host: string): Promise<number | undefined> => {
      const headers = { 'x-auth-token': token, 'x-subject-token': token };
      return (await send(machine, { method: 'GET', url: `http://${host}:5000/v3/auth/tokens`, headers }))
        .status;
    };
    const expectProject = async (): Promise<void> => {
      const shown = await openstack(site, ['project', 'show', 'Zürich', '-f', 'value', '-c', 'description']);
      expect(shown).toMatchObject({ exitCode: 0, stdout: 'kept' });
    };

    it('writes nothing outside the instance', async () => {
      await machine.execute(['touch', STAMP]);
      // File times have a coarse clock; later changes must be newer than the stamp.
      await machine.execute(['sleep', '0.1']);
      await install(site, ['--host', ADDRESS]);
      const changed = await changedSince(machine, STAMP);
      // The instance's parent directory, and the one for temporary files.
      const expected = new Set([site.release, '/tmp']);
      const outside = changed.filter((file) => !expected.has(file) && !isBelow(site.instance, file));
      expect(outside).toEqual([]);
      expect(changed.some((file) => isBelow(site.instance, file))).toBe(true);
    });

    it('has an administrator and data', async () => {
      password = await adminPassword(site);
      token = await issueToken(machine, `http://${ADDRESS}:5000/v3`, password);
      const made = await openstack(site, ['project', 'create', 'Zürich', '--description', 'kept']);
      expect(made).toMatchObject({ exitCode: 0 });
    });

    it('is not touched by a second run with the same answers', async () => {
      const before = [await lasting(), await keys(), await dumpDatabase(site), await daemons()];
      await install(site, ['--host', ADDRESS]);
      expect([await lasting(), await keys(), await dumpDatabase(site), await daemons()]).toEqual(before);
    });

    it('serves from its new place with the same data and keys after mv', async () => {
      const before = [await keys(), await dumpDatabase(site)];
      const moved = siteAt(machine, '/opt/moved & renamed');
      const move = await machine.execute(['mv', site.release, moved.release]);
      expect(move).toMatchObject({ exitCode: 0 });
      const former = site;
      site = moved;
      await install(site, []);
      expect([await keys(), await dumpDatabase(site)]).toEqual(before);
      expect(await validate(ADDRESS)).toBe(200);
      await expectProject();
      for (const { program } of await machine.processes())
        expect(program).toMatch(/\/opt\/moved & renamed\//);
      expect(await mentions(former.release)).toEqual([]);
    });

    it('changes only its address when it gets another', async () => {
      const before = await keys();
      await install(site, ['--host', OTHER_ADDRESS]);
      expect(await mentions(ADDRESS)).toEqual([]);
      expect(await dumpDatabase(site)).not.toContain(ADDRESS);
      const catalog = await openstack(site, ['catalog', 'list', '-f', 'json']);
      expect(catalog.stdout).toContain(OTHER_ADDRESS);
      expect(catalog.stdout).not.toContain(ADDRESS);
      expect(await keys()).toEqual(before);
      expect(await adminPassword(site)).toBe(password);
      expect(await validate(OTHER_ADDRESS)).toBe(200);
      await expectProject();
    });

    it('reports that all is well, is stopped, and is started again', async () => {
      expect(await bootstrap(site, ['status'])).toMatchObject({ exitCode: 0 });
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
      expect(await bootstrap(site, ['stop'])).toMatchObject({ exitCode: 0 });
      expect(await machine.processes()).toEqual([]);
      expect(await bootstrap(site, ['start'])).toMatchObject({ exitCode: 0 });
      expect(await validate(OTHER_ADDRESS)).toBe(200);
    });

    it('is refused if one byte of the release differs, and nothing is written', async () => {
      const before = [await lasting(), await keys()];
      const file = 'lib/libcrypto.so.3';
      const flip = `printf X | dd of="$0/${file}" bs=1 seek=4096 conv=notrunc 2>&1`;
      expect(await machine.execute(['sh', '-c', flip, site.release])).toMatchObject({ exitCode: 0 });
      const refused = await bootstrap(site, ['--host', ADDRESS]);
      expect(refused.exitCode).toBe(4);
      expect(refused.stderr).toContain(file);
      expect([await lasting(), await keys()]).toEqual(before);
    });

    /** Files of the instance that contain `text`, without logs. */
    async function mentions(text: string): Promise<string[]> {
      const found = await machine.execute(['grep', '-rlF', '--exclude-dir=log', '--', text, site.instance]);
      return found.stdout.split('\n').filter((line) => line !== '');
    }
  },
);

function isBelow(directory: string, file: string): boolean {
  return file === directory || file.startsWith(`${directory}/`);
}
