import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../src/io/files.ts';
import { ksbundle, mirrorOfTests } from './support/cli.ts';
import { send } from './support/http.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, install, unpack, type Site } from './support/site.ts';

const lacking = await whyNoMachines();

/* The tests build on each other, in order. Only the component's name is edited in the files of `ksbundle new`. */
describe.skipIf(lacking !== undefined)(
  `what ksbundle new writes${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let project: string;
    let machine: Machine;
    let site: Site;

    beforeAll(async () => {
      project = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-project-'));
      return () => removeTree(project);
    });
    beforeAll(async () => {
      machine = await startMachine('bookworm', [ADDRESS]);
      return () => machine.destroy();
    });

    const succeed = async (command: string): Promise<string> => {
      const { exitCode, stdout, stderr } = await ksbundle(command.split(' '), {
        directory: project,
        environment: mirrorOfTests(),
      });
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      return stdout;
    };
    const get = (page: string) =>
      send(machine, { method: 'GET', url: `http://${ADDRESS}:8080${page}`, headers: {} });

    it('builds: a bundle, its service, and a component in C', async () => {
      await succeed('new bundle my-shop');
      await succeed('new component greeter');
      const bundle = path.join(project, 'recipes/my-shop/bundle.toml');
      const text = await readFile(bundle, 'utf8');
      await writeFile(bundle, text.replace('components = [', 'components = ["greeter", '));
      await succeed('lock');
      const tarball = (await succeed('build')).trim();
      expect(path.relative(project, tarball)).toBe('out/my-shop-1.0.0-1-linux-x86_64.tar.gz');
      site = await unpack(machine, '/opt', { from: tarball });
      const greeting = await machine.execute([`${site.release}/bin/greeter`, 'stranger']);
      expect(greeting).toMatchObject({ exitCode: 0, stdout: 'Greetings, stranger.' });
    });

    it('boots without a network and serves a page, with the title that the operator chose', async () => {
      await install(site, ['--host', ADDRESS, '--title', 'Fish & chips']);
      expect(await get('/')).toMatchObject({
        status: 200,
        body: expect.stringContaining('<h1>Fish &amp; chips</h1>'),
      });
      expect(await get('/nowhere')).toMatchObject({ status: 404 });
    });

    it('serves another page under another server after another run', async () => {
      await install(site, ['--title', 'Closed', '--server', 'uwsgi']);
      expect(await get('/')).toMatchObject({ status: 200, body: expect.stringContaining('<h1>Closed</h1>') });
      const names = new Set((await machine.processes()).map(({ name }) => name));
      expect([names.has('uwsgi'), names.has('httpd')]).toEqual([true, false]);
    });
  },
);
