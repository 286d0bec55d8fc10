import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exists, listTree } from '../../src/io/files.ts';
import { run } from '../../src/io/process.ts';
import { makeCertificate, tlsAnswers } from './support/certificate.ts';
import { send, type HttpAnswer } from './support/http.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { PROJECTS, tryProject } from './support/projects.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, bootstrap, install, siteAt, unpack, type Site } from './support/site.ts';
import { succeed } from './support/succeed.ts';
import { NOTES, REDIS, type TestedBundle } from './support/tested-bundle.ts';

const SAVED = '/media/saved.tar.gz';
const lacking = await whyNoMachines();
const why = lacking === undefined ? '' : ` (${lacking})`;

interface Story {
  readonly bundle: TestedBundle;
  readonly port: number;
  /** Names of its processes. */
  readonly programs: readonly string[];
}

const STORIES: readonly Story[] = [
  { bundle: REDIS, port: 6400, programs: ['redis-server'] },
  { bundle: NOTES, port: 8400, programs: ['httpd'] },
];

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined).each(STORIES)(
  `another project's $bundle.name on a host without a network${why}`,
  ({ bundle, port, programs }) => {
    let machine: Machine;
    let site: Site;
    let present: string;

    beforeAll(async () => {
      const tarballs = await bundle.tarballs();
      ({ present } = tarballs);
      machine = await startMachine('trixie', [ADDRESS]);
      site = await unpack(machine, '/srv', { from: tarballs.former });
      return () => machine.destroy();
    });

    async function serves(text: string): Promise<boolean> {
      return (await bundle.observe(site))(port, text);
    }

    it('is installed, serves, and is not touched by a second run', async () => {
      await install(site, ['--port', String(port)]);
      await bundle.fill?.(site, port, 'first');
      expect(await serves('first')).toBe(true);
      const processes = await machine.processes();
      expect(new Set(processes.map(({ name }) => name))).toEqual(new Set(programs));
      expect((await install(site, [])).stderr).toContain('nothing to change');
      expect(await machine.processes()).toEqual(processes);
    });

    it('reports that all is well', async () => {
      expect(await bootstrap(site, ['status'])).toMatchObject({ exitCode: 0 });
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it('serves the same data from where it is moved to', async () => {
      const moved = siteAt(machine, "/opt/mövéd & renamed's");
      await succeed(machine, ['mv', site.release, moved.release]);
      site = moved;
      await install(site, []);
      expect(await serves('first')).toBe(true);
    });

    it('is upgraded, rolled back and upgraded again, with its data', async () => {
      const former = site;
      site = await unpack(machine, '/srv', { from: present });
      const upgrade = ['upgrade', '--from', former.release];
      await install(site, upgrade);
      expect(await serves('first')).toBe(true);
      await bundle.fill?.(site, port, 'second');
      await install(site, ['rollback']);
      site = former;
      expect([await serves('first'), await serves('second')]).toEqual([true, false]);
      site = siteAt(machine, path.join('/srv', path.basename(present, '.tar.gz')));
      await install(site, upgrade);
      expect(await serves('first')).toBe(true);
    });

    it('is backed up and restored', async () => {
      await install(site, ['backup', SAVED]);
      await bundle.fill?.(site, port, 'later');
      expect(await serves('later')).toBe(true);
      await install(site, ['restore', SAVED]);
      expect([await serves('first'), await serves('later')]).toEqual([true, false]);
    });

    it('is uninstalled, and installed again with its data; a purge leaves only a backup', async () => {
      await install(site, ['uninstall']);
      expect(await machine.processes()).toEqual([]);
      await install(site, []);
      expect(await serves('first')).toBe(true);
      const { stdout: last } = await install(site, ['uninstall', '--purge', '--yes']);
      expect(await machine.processes()).toEqual([]);
      expect(await exists(path.join(machine.root, site.instance))).toBe(false);
      await install(site, ['restore', last]);
      expect(await serves('first')).toBe(true);
    });
  },
);

it.each([
  ['redis', 'redis_version:7.0.15'],
  ['notes', 'http://127.0.0.1:'],
])('%s is tried on this machine, shows itself, and is stopped and removed', async (name, shown) => {
  const printed = await tryProject(name);
  expect(printed).toContain(shown);
  for (const action of ['stop', 'remove']) {
    const command = new RegExp(`^${action} +(.+)$`, 'm').exec(printed)?.[1] ?? 'exit 1';
    expect(await run(['sh', '-c', command])).toMatchObject({ exitCode: 0 });
  }
  const removed = /^remove +rm -r (\S+)/m.exec(printed)?.[1] ?? '/';
  expect(await exists(removed)).toBe(false);
});

it('redis needs no Python in the project', async () => {
  const files = (await listTree(path.join(PROJECTS, 'redis'))).map((entry) => entry.path);
  expect(files.filter((file) => file.endsWith('.py'))).toEqual([]);
});

describe.skipIf(lacking !== undefined)(`notes with both servers and TLS${why}`, () => {
  let machine: Machine;
  let site: Site;

  beforeAll(async () => {
    const { present } = await NOTES.tarballs();
    machine = await startMachine('trixie', [ADDRESS]);
    site = await unpack(machine, '/srv', { from: present });
    return () => machine.destroy();
  });

  async function page(origin: string, ca?: string): Promise<HttpAnswer> {
    return send(machine, { method: 'GET', url: `${origin}/`, ...(ca === undefined ? {} : { ca }) });
  }

  it.each(['mod_wsgi', 'uwsgi'])('serves its title by %s, with and without TLS', async (server) => {
    const certificate = await makeCertificate(machine, `/srv/${server}`, [ADDRESS]);
    const title = `Zoë's "${server}" \\ <%(x)s> $HOME`;
    await install(site, [
      '--host',
      ADDRESS,
      '--server',
      server,
      '--title',
      title,
      '--tls-cert=',
      '--tls-key=',
    ]);
    const plain = await page(`http://${ADDRESS}:8080`);
    expect(plain.status).toBe(200);
    expect(plain.body).toContain(`<h1>Zoë&#39;s &#34;${server}&#34; \\ &lt;%(x)s&gt; $HOME</h1>`);
    await install(site, tlsAnswers(`/srv/${server}`));
    expect((await page(`https://${ADDRESS}:8080`, certificate)).body).toBe(plain.body);
    expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
  });
});
