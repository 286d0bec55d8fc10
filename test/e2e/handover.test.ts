import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, bootstrap, install, unpack, type Site } from './support/site.ts';
import { succeed } from './support/succeed.ts';

const OTHER_ADDRESS = '192.168.1.77';
const lacking = await whyNoMachines();

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(
  `the files that an install leaves to the operator${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;

    beforeAll(async () => {
      machine = await startMachine('bookworm', [ADDRESS, OTHER_ADDRESS]);
      // The client expands braces in settings.
      site = await unpack(machine, '/srv/key {stöne} "it\'s"');
      return () => machine.destroy();
    });

    const shell = (script: string): Promise<RunResult> =>
      machine.execute(['sh', '-c', script, site.instance, site.release]);
    /** The project of the client's token for a cloud's name. */
    const projectOf = async (cloud: string): Promise<string> => {
      const environment = { OS_CLIENT_CONFIG_FILE: `${site.instance}/clouds.yaml` };
      const token = ['token', 'issue', '-f', 'value', '-c', 'project_id'];
      const argv = [`${site.release}/bin/openstack`, '--os-cloud', cloud, ...token];
      return (await succeed(machine, argv, { environment })).trim();
    };
    const read = async (name: string): Promise<string> =>
      (await machine.execute(['cat', `${site.instance}/${name}`])).stdout;

    it('name only requested users', async () => {
      await install(site, ['--host', ADDRESS]);
      expect((await shell('ls "$0"')).stdout).not.toContain('demo');
      expect(await projectOf('admin')).toMatch(/^[0-9a-f]{32}$/);
    });

    it('serve an ordinary user who is requested later', async () => {
      await install(site, ['--demo']);
      expect(await projectOf('demo')).not.toBe(await projectOf('admin'));
      const roles = 'role assignment list --user demo --project demo --names -f value -c Role';
      const listed = await shell(`. "$0/admin-openrc.sh"; "$1/bin/openstack" ${roles}`);
      expect(listed).toMatchObject({ exitCode: 0, stdout: 'member' });
      const modes = await shell('cd "$0" && stat -c "%a %U" *-openrc.sh *-password clouds.yaml NEXT-STEPS');
      expect(new Set(modes.stdout.trim().split('\n'))).toEqual(new Set(['600 root']));
    });

    it('take a changed password from its only file', async () => {
      const changed = await shell(`
        . "$0/demo-openrc.sh"
        "$1/bin/openstack" user password set --original-password "$OS_PASSWORD" --password 'new $%"'"'"'\\pass' &&
        printf '%s\\n' 'new $%"'"'"'\\pass' >"$0/demo-password"`);
      expect(changed).toMatchObject({ exitCode: 0 });
      expect(await projectOf('demo')).toMatch(/^[0-9a-f]{32}$/);
      const sourced = await shell(
        'OS_CLIENT_CONFIG_FILE="$0/clouds.yaml"; export OS_CLIENT_CONFIG_FILE; . "$0/demo-openrc.sh"; "$1/bin/openstack" token issue',
      );
      expect(sourced).toMatchObject({ exitCode: 0 });
    });

    it('follow the address and keep the passwords', async () => {
      const before = [await read('admin-password'), await read('demo-password')];
      await install(site, ['--host', OTHER_ADDRESS]);
      expect([await read('admin-password'), await read('demo-password')]).toEqual(before);
      expect(await projectOf('demo')).toMatch(/^[0-9a-f]{32}$/);
      expect(await read('NEXT-STEPS')).toContain(OTHER_ADDRESS);
    });

    it('report a password that is not the current one', async () => {
      await shell('echo wrong >"$0/demo-password"');
      const verified = await bootstrap(site, ['verify']);
      expect(verified.exitCode).toBe(0);
      expect(verified.stderr).toContain('the password of demo was changed');
    });

    it('contain commands that work unchanged', async () => {
      const text = await read('NEXT-STEPS');
      const commands = text
        .split('\n')
        .filter((line) => /^ {4}\S.* (?:status|verify|token issue)$/.test(line));
      expect(commands).toHaveLength(3);
      const ran = await shell(`. "$0/admin-openrc.sh"\nset -e\n${commands.join('\n')}`);
      expect(ran).toMatchObject({ exitCode: 0 });
    });

    it('come with a new account when requested', async () => {
      await install(site, ['--create-user']);
      const owners = await shell('getent passwd keystone >&2 && stat -c %U "$0/data" "$0"/keys/fernet/*');
      expect(owners).toMatchObject({ exitCode: 0, stdout: 'keystone\nkeystone\nkeystone' });
      expect(await read('receipt.json')).toContain('"made": true');
      expect(await projectOf('admin')).toMatch(/^[0-9a-f]{32}$/);
    });

    it('no longer name the ordinary user, who is not deleted, when requested', async () => {
      await install(site, ['--demo=false']);
      expect(await read('clouds.yaml')).not.toContain('demo');
      const shown = await shell('. "$0/admin-openrc.sh"; "$1/bin/openstack" user show demo');
      expect(shown).toMatchObject({ exitCode: 0 });
    });
  },
);
