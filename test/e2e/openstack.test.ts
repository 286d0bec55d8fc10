import { beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificate, tlsAnswers } from './support/certificate.ts';
import { ROOT } from './support/cli.ts';
import { runInstallerUnits } from './support/installer-units.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { buildProject } from './support/projects.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
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
import { shell as shellOf } from './support/succeed.ts';

const OTHER_ADDRESS = '192.168.1.77';
const BACKUP = '/var/tmp/one.backup';
/* It contains the bundle `glance`. */
const BUNDLE = 'openstack';
/* Services that keep an account and endpoints in Keystone. */
const REGISTERED = ['glance', 'placement'];
const lacking = await whyNoMachines(['openssl']);

/*
 * Requests to Glance and Placement, many of which the client cannot send, and in a tenth of its time: `ask` sends one,
 * `make` makes an image without content.
 */
const REQUESTS = `
import hashlib, http.client, json, sys
from urllib.parse import quote
host, token, name, *rest = sys.argv[1:]
def ask(method, target, body=None, kind="application/json", **more):
    connection = http.client.HTTPConnection(host, timeout=100)
    connection.request(method, target, body=body, headers={"X-Auth-Token": token, "Content-Type": kind}, **more)
    answer = connection.getresponse()
    return answer.status, answer.read()
def make():
    facts = {"name": name, "disk_format": "raw", "container_format": "bare"}
    return json.loads(ask("POST", "/v2/images", json.dumps(facts))[1])["id"]
`;
/* Prints the digest of an image. */
const SAVED = `${REQUESTS}
(image,) = json.loads(ask("GET", f"/v2/images?name={quote(name)}")[1])["images"]
status, content = ask("GET", f"/v2/images/{image['id']}/file")
print(status, hashlib.sha256(content).hexdigest())
`;
/* Makes an image of a file in a request without a length, chunked, in pieces longer than what a server reads at once. */
const CHUNKED = `${REQUESTS}
def pieces():
    with open(rest[0], "rb") as file:
        while piece := file.read(70000):
            yield piece
print(ask("PUT", f"/v2/images/{make()}/file", pieces(), "application/octet-stream", encode_chunked=True)[0])
`;
/* Makes a resource provider, unless the name is empty; prints the names of all. */
const PROVIDERS = `${REQUESTS}
if name:
    print(ask("POST", "/resource_providers", json.dumps({"name": name}))[0])
print(*sorted(each["name"] for each in json.loads(ask("GET", "/resource_providers")[1])["resource_providers"]))
`;
/* Begins an upload, is gone in the middle of it, and prints the image's identifier. */
const CUT_OFF = `${REQUESTS}
image = make()
connection = http.client.HTTPConnection(host)
connection.putrequest("PUT", f"/v2/images/{image}/file")
for header in (("X-Auth-Token", token), ("Content-Type", "application/octet-stream"), ("Content-Length", "3000000")):
    connection.putheader(*header)
connection.endheaders(b"x" * 200000)
connection.close()
print(image)
`;

/* The tests build on each other, in order. Under uWSGI, data is on the bundle's own server, otherwise in files. */
describe.skipIf(lacking !== undefined).each(['mod_wsgi', 'uwsgi'])(
  `an instance with images and an inventory, under %s${lacking === undefined ? '' : ` (${lacking})`}`,
  (server) => {
    let machine: Machine;
    let site: Site;
    let at = { address: ADDRESS, port: 9292, inventory: 8778 };

    beforeAll(async () => {
      machine = await startMachine('bookworm', [ADDRESS, OTHER_ADDRESS]);
      site = await unpack(machine, '/srv/key stöne 5%d', {
        from: await buildProject(ROOT, BUNDLE),
      });
      return () => machine.destroy();
    });

    const answers = (): string[] => [
      '--host',
      at.address,
      '--glance-port',
      String(at.port),
      '--placement-port',
      String(at.inventory),
    ];
    const shell = (script: string, ...parameters: readonly string[]): Promise<string> =>
      shellOf(machine, script, ...parameters);
    const client = async (...parameters: readonly string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await openstack(site, parameters);
      expect(exitCode, stderr).toBe(0);
      return stdout.trim();
    };
    const python = async (script: string, ...parameters: readonly string[]): Promise<string> =>
      (await shell('exec "$0/bin/python3" -I -c "$@"', site.release, script, ...parameters)).trim();
    const ask = async (port: number, script: string, ...parameters: readonly string[]): Promise<string> => {
      const token = await issueToken(machine, `http://${at.address}:5000/v3`, await adminPassword(site));
      return python(script, `${at.address}:${port}`, token, ...parameters);
    };
    /** Output of a script that sends requests to Glance about the image of this name. */
    const request = (script: string, name: string, ...parameters: readonly string[]): Promise<string> =>
      ask(at.port, script, name, ...parameters);
    const providers = (added = ''): Promise<string> => ask(at.inventory, PROVIDERS, added);
    const digest = async (file: string): Promise<string> =>
      (await shell('sha256sum "$0"', file)).slice(0, 64);
    /** The image of this name is the file of that. */
    const expectSaved = async (name: string): Promise<void> =>
      expect(await request(SAVED, name)).toBe(`200 ${await digest(`/var/tmp/${name}`)}`);
    const create = (name: string, file: string): Promise<string> =>
      client(
        'image',
        'create',
        '--disk-format',
        'raw',
        '--container-format',
        'bare',
        '--file',
        file,
        name,
        '-f',
        'value',
        '-c',
        'id',
      );
    const endpoints = async (): Promise<string[]> =>
      (
        await client(
          'endpoint',
          'list',
          '-f',
          'value',
          '-c',
          'Service Name',
          '-c',
          'Interface',
          '-c',
          'URL',
          '-c',
          'Region',
        )
      )
        .split('\n')
        .filter((line) => !line.includes(' keystone '))
        .toSorted();
    const expectEndpoints = async (): Promise<void> =>
      expect(await endpoints()).toEqual(
        [
          ['glance', at.port],
          ['placement', at.inventory],
        ].flatMap(([service, port]) =>
          ['admin', 'internal', 'public'].map(
            (name) => `RegionOne ${service} ${name} http://${at.address}:${port}`,
          ),
        ),
      );
    /** What `status` says about images without content. */
    const unfinished = async (): Promise<readonly { readonly hint: string }[]> => {
      const { stdout } = await bootstrap(site, ['status', '--json']);
      const { warnings } = JSON.parse(stdout) as { warnings: { what: string; hint: string }[] };
      return warnings.filter(({ what }) => what === 'images have no content');
    };
    const images = (): Promise<string> =>
      client('image', 'list', '-f', 'value', '-c', 'Name', '--sort', 'name:asc');

    it.runIf(server === 'mod_wsgi')('passes its unit tests on the libraries that were built', async () => {
      const tested = await runInstallerUnits(await buildProject(ROOT, BUNDLE), 'test_glance.PlacesTest');
      expect(tested, tested.stdout).toMatchObject({ exitCode: 0 });
      expect(tested.stdout).toContain('1 passed, 0 failed, 0 skipped');
    });

    it('proves that an image goes in and out, and leaves none', async () => {
      const { stderr } = await install(site, [
        '--host',
        ADDRESS,
        '--processes',
        '1',
        '--server',
        server,
        ...(server === 'uwsgi' ? ['--database', 'embedded'] : []),
      ]);
      const databases = await shell('cd "$0/data" && ls -d *.db || true', site.instance);
      expect(databases).toBe(server === 'uwsgi' ? '' : 'glance.db\nkeystone.db\nplacement.db');

      expect(stderr).toContain('an image of 1 MiB went in and came out unchanged');
      expect(stderr).toContain('a resource provider was made and deleted');
      expect(await images()).toBe('');
      expect(await shell('ls -A "$0/data/glance/images"', site.instance)).toBe('');
    });

    it('is in the catalog, with accounts whose passwords only it can read', async () => {
      await expectEndpoints();
      for (const name of REGISTERED)
        expect(await shell('stat -c %a "$0/keys/$1-password"', site.instance, name)).toBe('600');
    });

    it('keeps a resource provider', async () => {
      expect(await providers('host é')).toBe('201\nhost é');
    });

    it('keeps an image of 1 MiB, and one of unknown length', async () => {
      await shell(
        'head -c 1048576 /dev/urandom >/var/tmp/small; head -c 3000001 /dev/urandom >/var/tmp/large',
      );
      await create('small', '/var/tmp/small');
      await expectSaved('small');
      expect(await request(CHUNKED, 'large', '/var/tmp/large')).toBe('204');
      await expectSaved('large');
    });

    it('refuses a body that Keystone would not take', async () => {
      const script =
        'import http.client, sys\nc = http.client.HTTPConnection(sys.argv[1], 5000)\nc.request("POST", "/v3/auth/tokens", body=b"x" * 200000)\nprint(c.getresponse().status)';
      expect(await python(script, ADDRESS)).toBe('413');
    });

    it('names an upload that was cut off, and the command that removes it', async () => {
      const image = await request(CUT_OFF, 'cut off');
      await vi.waitFor(
        async () => expect(await unfinished()).toMatchObject([{ details: [`${image} (queued)`] }]),
        {
          timeout: 30_000,
        },
      );
      const [warning] = await unfinished();
      await shell(warning?.hint.replace('if nobody uploads them:', '') ?? 'false');
      expect(await unfinished()).toEqual([]);
      expect(await shell('ls "$0/data/glance/images" | wc -l', site.instance)).toBe('2');
    });

    /* Where data lies does not depend on the server. */
    describe.runIf(exhaustive || server === 'uwsgi')('later', () => {
      it('is not touched by a second run', async () => {
        const secrets = (): Promise<string> => shell('sha256sum "$0"/keys/*-password', site.instance);
        const before = await secrets();
        expect(before.split('\n')).toHaveLength(REGISTERED.length);
        const { stderr } = await install(site, []);
        expect(stderr).toContain('nothing to change');
        expect(await secrets()).toBe(before);
      });

      it('serves the same data from its new place after mv, and at another address', async () => {
        const moved = siteAt(machine, '/opt/moved & renamed');
        await shell('mv "$0" "$1"', site.release, moved.release);
        site = moved;
        at = { address: OTHER_ADDRESS, port: 9393, inventory: 8888 };
        await install(site, answers());
        await expectEndpoints();
        expect(await providers()).toBe('host é');
        await expectSaved('small');
        await expectSaved('large');
      });

      it('restores a backup with its images', async () => {
        await install(site, ['backup', BACKUP]);
        await create('later', '/var/tmp/small');
        await providers('later');
        await client('image', 'delete', 'large');
        await install(site, ['restore', BACKUP]);
        expect(await images()).toBe('large\nsmall');
        expect(await providers()).toBe('host é');
        await expectSaved('large');
      });

      it('is restored from a backup to an empty place', async () => {
        await install(site, ['uninstall', '--purge', '--yes']);
        expect(await shell('ls "$0" 2>/dev/null || true', site.instance)).toBe('');
        await install(site, ['restore', BACKUP]);
        await expectSaved('small');
        expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
      });

      it('keeps its data when it is uninstalled, and serves them again, over TLS', async () => {
        await install(site, ['uninstall']);
        expect(await machine.processes()).toEqual([]);
        await makeCertificate(machine, '/srv/tls', [OTHER_ADDRESS]);
        const { stderr } = await install(site, [...answers(), ...tlsAnswers('/srv/tls')]);
        expect(stderr).toContain('an image of 1 MiB went in and came out unchanged');
        expect(stderr).toContain('a resource provider was made and deleted');
        expect(await images()).toBe('large\nsmall');
        expect((await endpoints()).every((line) => line.includes(` https://${OTHER_ADDRESS}:`))).toBe(true);
      });
    });
  },
);
