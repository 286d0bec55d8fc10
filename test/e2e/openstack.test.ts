import { beforeAll, describe, expect, it, vi } from 'vitest';
import { withPage } from '../support/browser.ts';
import { makeCertificate, tlsAnswers } from './support/certificate.ts';
import { ROOT } from './support/cli.ts';
import { runInstallerUnits } from './support/installer-units.ts';
import { startMachine, type OpenMachine } from './support/machine.ts';
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
const REGISTERED = ['glance', 'nova', 'placement'];
/* What Nova has running besides its application. */
const DAEMONS = ['nova-scheduler', 'nova-conductor', 'nova-novncproxy'];
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
    connection.request(method, target, body=body, headers={"X-Auth-Token": token, "Content-Type": kind,
                       "OpenStack-API-Version": "placement 1.38, compute 2.90"}, **more)
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
/* Makes a resource provider with an inventory, of which it allocates a part, unless the name is empty; prints the names of all. */
const PROVIDERS = `${REQUESTS}
import uuid
def put(target, facts):
    return ask("PUT", target, json.dumps(facts))[0]
if name:
    it, some = str(uuid.uuid4()), {"VCPU": 2}
    print(ask("POST", "/resource_providers", json.dumps({"name": name, "uuid": it}))[0],
          put(f"/resource_providers/{it}/inventories", {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 8}}}),
          put(f"/allocations/{uuid.uuid4()}", {"allocations": {it: {"resources": some}}, "project_id": "p", "user_id": "u",
              "consumer_generation": None, "consumer_type": "INSTANCE"}))
print(*sorted(each["name"] for each in json.loads(ask("GET", "/resource_providers")[1])["resource_providers"]))
`;
/*
 * Runs a compute host with Nova's fake hypervisor, of this name, on the instance: in the background, in a directory where it
 * makes the file `ready`. Its settings are those that NEXT-STEPS names.
 */
const COMPUTE = `
mkdir -p "/var/tmp/$1" && cd "/var/tmp/$1"
account="auth_type = localpasswordfile
auth_url = http://$2:5000/v3
username = nova
password_file = $0/keys/nova-password
project_name = service
user_domain_id = default
project_domain_id = default
region_name = RegionOne"
cat >nova.conf <<END
[DEFAULT]
host = $1
my_ip = $2
compute_driver = fake.FakeDriver
state_path = /var/tmp/$1
[vnc]
novncproxy_base_url = http://$2:6080/vnc_lite.html
[placement]
$account
[neutron]
$account
[service_user]
send_service_user_token = true
$account
[oslo_concurrency]
lock_path = /var/tmp/$1
END
setsid "$3/bin/python3" -I -B -m ksbundle_nova.daemon compute --config-file nova.conf --config-file "$0/etc/rabbitmq/transport.conf" >log 2>&1 </dev/null &
echo $! >pid
`;
/* The page of consoles. */
const PAGE =
  'import urllib.request as r; print(r.urlopen("http://127.0.0.1:6080/vnc_lite.html").read().decode())';
/* Ends it. */
const NO_COMPUTE = 'kill "$(cat "/var/tmp/$0/pid")"';
/* Has Nova find new compute hosts, as the account of the instance does. */
const DISCOVER = `
cd "$0" && as=$(stat -c %u run)
exec setpriv --reuid="$as" --regid="$as" --clear-groups "$1/bin/nova-manage" --config-file etc/nova/nova.conf --config-file etc/rabbitmq/transport.conf cell_v2 discover_hosts --verbose`;
/* Boots a server of an image, prints how that went and the address of its console, and deletes it again. */
const SERVER = `${REQUESTS}
import time
def wait(end):
    while True:
        status, body = ask("GET", f"/v2.1/servers/{server}")
        state = json.loads(body)["server"]["status"] if status == 200 else status
        if state in end:
            if state == "ERROR":
                print(json.loads(body)["server"].get("fault"))
            return state
        time.sleep(0.3)
facts = {"name": name, "ram": 64, "vcpus": 1, "disk": 1}
flavor = json.loads(ask("POST", "/v2.1/flavors", json.dumps({"flavor": facts}))[1])["flavor"]["id"]
wanted = {"name": name, "flavorRef": flavor, "imageRef": rest[0], "networks": "none"}
server = json.loads(ask("POST", "/v2.1/servers", json.dumps({"server": wanted}))[1])["server"]["id"]
print(wait(["ACTIVE", "ERROR"]))
if rest[1:]:
    console = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    print(json.loads(ask("POST", f"/v2.1/servers/{server}/remote-consoles", json.dumps(console))[1])["remote_console"]["url"].partition("%")[0])
    ask("DELETE", f"/v2.1/servers/{server}")
    print(wait(["ERROR", 404]), ask("DELETE", f"/v2.1/flavors/{flavor}")[0])
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

/*
 * Uses the dashboard at a URL as a browser without scripts does, as the administrator, whose password it reads. Prints what
 * it saw.
 */
const DASHBOARD = `
import html, http.cookiejar, json, re, sys
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, HTTPRedirectHandler, ProxyHandler, Request, build_opener
url, language = sys.argv[1:]
class Stay(HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(), Stay())
def ask(path, form=None, **headers):
    body = None if form is None else urlencode(form).encode()
    sent = {"Referer": url, "Accept-Language": language, **{name.replace("_", "-"): text for name, text in headers.items()}}
    try:
        answer = opener.open(Request(urljoin(url, path), body, sent), timeout=100)
    except HTTPError as error:
        answer = error
    return answer.status, answer.headers, answer.read().decode(errors="replace")
def title(page):
    return " ".join(re.search("<title>(.*?)</title>", page, re.S)[1].split())
status, _, page = ask("auth/login/")
links = {html.unescape(link) for link in re.findall(r'<(?:script|link)[^>]*?\\s(?:src|href)="([^"]+)"', page)}
fonts = {urljoin(urljoin(url, link), font) for link in links if ".css" in link
         for font in re.findall(r'url\\("?([^")?#]+)', ask(link)[2])}
saw = {"page": status, "parts": sorted({(ask(link)[0], link.rpartition(".")[2]) for link in links}),
       "fonts": sorted({ask(font)[0] for font in fonts}), "kinds": sorted({font.rpartition(".")[2] for font in fonts})}
form = dict(re.findall('<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
form.update(username="admin", password=sys.stdin.read().strip())
saw["forged"] = ask("auth/login/", {**form, "csrfmiddlewaretoken": "x" * 64})[1]["Location"]
saw["wrong"] = ask("auth/login/", {**form, "password": "wrong"})[0]
status, headers, _ = ask("auth/login/", form)
saw["login"], saw["next"] = status, headers["Location"]
page = ask("project/images/")[2]
saw["title"], saw["words"] = title(page), sorted(set(re.findall("[\\u4e00-\\u9fff]+", page)))[:3]
images = json.loads(ask("api/glance/images/", X_Requested_With="XMLHttpRequest")[2])
saw["images"] = sorted(image["name"] for image in images["items"])
pages = ("project/", "project/instances/", "project/key_pairs/", "project/server_groups/", "admin/flavors/", "admin/hypervisors/",
         "admin/instances/", "admin/info/")
# Each page has one such box, for browsers without scripts.
saw["broken"] = [path for path in pages if (answer := ask(path))[0] != 200 or answer[2].count("alert-danger") != 1]
saw["elsewhere"] = "evil.example" in str(ask("identity/users/", Host="evil.example"))
print(json.dumps(saw))
`;

/* The tests build on each other, in order. Under uWSGI, data is on the bundle's own server, otherwise in files. */
describe.skipIf(lacking !== undefined).each(['mod_wsgi', 'uwsgi'])(
  `an instance with images and an inventory, under %s${lacking === undefined ? '' : ` (${lacking})`}`,
  (server) => {
    let machine: OpenMachine;
    let site: Site;
    let at = { address: ADDRESS, port: 9292, inventory: 8778, compute: 8774, dashboard: 8080 };

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
      '--nova-port',
      String(at.compute),
      '--horizon-port',
      String(at.dashboard),
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
    /** What a user of the dashboard sees at this URL, with pages in this language. */
    const dashboard = async (url: string, language = 'en'): Promise<Record<string, unknown>> => {
      const script = 'exec "$0/bin/python3" -I -c "$@"';
      const { exitCode, stdout, stderr } = await machine.execute(
        ['sh', '-c', script, site.release, DASHBOARD, url, language],
        { input: await adminPassword(site) },
      );
      expect(exitCode, stderr).toBe(0);
      return JSON.parse(stdout) as Record<string, unknown>;
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
          ['glance', at.port, ''],
          ['nova', at.compute, '/v2.1'],
          ['placement', at.inventory, ''],
        ].flatMap(([service, port, version]) =>
          ['admin', 'internal', 'public'].map(
            (name) => `RegionOne ${service} ${name} http://${at.address}:${port}${version}`,
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
      const tested = await runInstallerUnits(
        await buildProject(ROOT, BUNDLE),
        'test_glance.PlacesTest',
        'test_horizon',
        'test_nova',
      );
      expect(tested, tested.stdout).toMatchObject({ exitCode: 0 });
      expect(tested.stdout).toContain('22 passed, 0 failed, 0 skipped');
    });

    it('proves that an image goes in and out, and leaves none', async () => {
      const { stderr } = await install(site, [
        '--host',
        ADDRESS,
        '--processes',
        '1',
        '--server',
        server,
        '--horizon-port',
        '8080',
        '--horizon-port',
        '8081',
        ...(server === 'uwsgi' ? ['--database', 'embedded'] : []),
      ]);
      const databases = await shell('cd "$0/data" && ls -d *.db || true', site.instance);
      expect(databases).toBe(
        server === 'uwsgi' ? '' : 'glance.db\nkeystone.db\nnova.db\nnova_api.db\nplacement.db',
      );

      expect(stderr).toContain('an image of 1 MiB went in and came out unchanged');
      expect(stderr).toContain('a resource provider was made and deleted');
      expect(stderr).toContain('a message went into a queue and came out of it');
      expect(stderr).toContain(
        'the scheduler and the conductor are up, and an availability zone is available',
      );
      expect(stderr).toContain('the login page has all its scripts and style sheets');
      expect(stderr).toContain('admin logged in and listed images');
      expect(await images()).toBe('');
      expect(await shell('ls -A "$0/data/glance/images"', site.instance)).toBe('');
    });

    it('is in the catalog, with accounts whose passwords only it can read', async () => {
      await expectEndpoints();
      for (const name of REGISTERED)
        expect(await shell('stat -c %a "$0/keys/$1-password"', site.instance, name)).toBe('600');
      expect(await shell('stat -c %a "$0/keys/horizon-secret-key"', site.instance)).toBe('600');
    });

    it('keeps a resource provider', async () => {
      expect(await providers('host é')).toBe('200 200 204\nhost é');
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

    it('boots a server on a compute host that joins, and deletes it', async () => {
      await shell(COMPUTE, site.instance, 'compute-one', ADDRESS, site.release);
      await vi.waitFor(() => shell('test -e /var/tmp/compute-one/ready'), {
        timeout: 120_000,
        interval: 500,
      });
      // A host that could not register at once tries again after a minute.
      await vi.waitFor(async () => expect(await providers()).toContain('compute-one'), {
        timeout: 120_000,
        interval: 500,
      });
      expect(await shell(DISCOVER, site.instance, site.release)).toContain('compute-one');
      const image = await client('image', 'show', 'small', '-f', 'value', '-c', 'id');
      expect(await ask(at.compute, SERVER, 'one', image, 'and gone')).toBe(
        `ACTIVE\nhttp://${ADDRESS}:6080/vnc_lite.html?path=\n404 202`,
      );
      expect(await shell('"$0/bin/python3" -I -c "$1"', site.release, PAGE)).toContain('noVNC');
      await shell(NO_COMPUTE, 'compute-one');
    });

    it('shows images to a user who logged in to the dashboard, at each of its ports', async () => {
      for (const port of [8080, 8081]) {
        const url = `http://${ADDRESS}:${port}/`;
        expect(await dashboard(url)).toEqual({
          page: 200,
          parts: [
            [200, '/i18n/js/horizon+openstack_dashboard/'],
            [200, 'css'],
            [200, 'ico'],
            [200, 'js'],
            [200, 'png'],
            [200, 'svg'],
          ],
          fonts: [200],
          kinds: expect.arrayContaining(['woff2', 'png']) as unknown,
          forged: expect.stringContaining('csrf_failure=') as unknown,
          wrong: 200,
          login: 302,
          next: '/',
          title: 'Images - OpenStack Dashboard',
          words: [],
          images: ['large', 'small'],
          broken: [],
          elsewhere: false,
        });
      }
    });

    it('speaks Chinese in the dashboard', async () => {
      const { title, words } = await dashboard(`http://${ADDRESS}:8080/`, 'zh-CN');
      expect(title).toBe('镜像 - OpenStack Dashboard');
      expect(words).toHaveLength(3);
    });

    it.runIf(exhaustive).each([1280, 400])(
      'works in a browser that is %s pixels wide, without an error in its console',
      async (width) => {
        const url = `http://${ADDRESS}:8080/`;
        const password = JSON.stringify(await adminPassword(site));
        const logIn = `
          document.querySelector('#id_username').value = 'admin';
          document.querySelector('#id_password').value = ${password};
          document.querySelector('#loginBtn').click();`;
        await withPage(
          url,
          { width, height: 900, within: machine.network },
          async ({ evaluate, leave, requests, complaints }) => {
            expect(await evaluate('getComputedStyle(document.querySelector("#loginBtn")).color')).toBe(
              'rgb(255, 255, 255)',
            );
            await leave(logIn);
            await leave(`location.href = '${url}project/images/'`);
            const text = (): Promise<string> => evaluate('document.body.innerText');
            await vi.waitFor(async () => expect(await text()).toContain('small'), { timeout: 30_000 });
            for (const page of ['identity/users/', 'admin/info/', 'settings/', 'project/']) {
              await leave(`location.href = ${JSON.stringify(url + page)}`);
              expect(await text(), page).not.toContain('Something went wrong');
            }
            expect(requests.length).toBeGreaterThan(20);
            expect(requests.filter((each) => !each.startsWith(url) && !each.startsWith('data:'))).toEqual([]);
            expect(
              complaints.filter(
                (each) =>
                  /"(?:type|level)":"error"|exceptionDetails/u.test(each) &&
                  // Horizon says so on every list of images without Cinder.
                  !each.includes(
                    '"Possibly unhandled rejection: Service type is not enabled: block-storage"',
                  ),
              ),
            ).toEqual([]);
          },
        );
      },
      120_000,
    );

    it.runIf(exhaustive).each(DAEMONS)('works again after %s was killed', async (name) => {
      await shell(
        'for process in /proc/[0-9]*; do [ "$(readlink "$process/cwd")" != "$0" ] || kill -9 "${process#/proc/}"; done',
        `${site.instance}/run/${name}`,
      );
      expect(await bootstrap(site, ['status'])).not.toMatchObject({ exitCode: 0 });
      await install(site, ['start']);
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
    });

    it.runIf(exhaustive)('names the file with the password of Nova when that was changed', async () => {
      const password = (await shell('cat "$0/keys/nova-password"', site.instance)).trim();
      await client('user', 'set', '--password', 'another', 'nova');
      const { exitCode, stderr } = await bootstrap(site, ['verify']);
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain('Nova cannot log in to Keystone');
      await client('user', 'set', '--password', password, 'nova');
      expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
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
        // The broker's password, too.
        expect(before.split('\n')).toHaveLength(REGISTERED.length + 1);
        const { stderr } = await install(site, []);
        expect(stderr).toContain('nothing to change');
        expect(await secrets()).toBe(before);
      });

      it('serves the same data from its new place after mv, and at another address', async () => {
        const moved = siteAt(machine, '/opt/moved & renamed');
        await shell('mv "$0" "$1"', site.release, moved.release);
        site = moved;
        at = { address: OTHER_ADDRESS, port: 9393, inventory: 8888, compute: 8884, dashboard: 8090 };
        await install(site, answers());
        await expectEndpoints();
        const { images: shown } = await dashboard(`http://${OTHER_ADDRESS}:8090/`);
        expect(shown).toEqual(['large', 'small']);
        expect(await providers()).toBe('compute-one host é');
        await expectSaved('small');
        await expectSaved('large');
        // Settings, and those that Nova keeps of its cells.
        expect(await shell('grep -rlF "$1" "$0/etc" || true', site.instance, ADDRESS)).toBe('');
      });

      it('restores a backup with its images', async () => {
        await install(site, ['backup', BACKUP]);
        await create('later', '/var/tmp/small');
        await providers('later');
        await client('image', 'delete', 'large');
        await install(site, ['restore', BACKUP]);
        expect(await images()).toBe('large\nsmall');
        expect(await providers()).toBe('compute-one host é');
        await expectSaved('large');
      });

      it('is restored from a backup to an empty place', async () => {
        const secret = (): Promise<string> => shell('cat "$0/keys/horizon-secret-key"', site.instance);
        const before = await secret();
        await install(site, ['uninstall', '--purge', '--yes']);
        expect(await shell('ls "$0" 2>/dev/null || true', site.instance)).toBe('');
        await install(site, ['restore', BACKUP]);
        await expectSaved('small');
        expect(await secret()).toBe(before);
        expect(await bootstrap(site, ['verify'])).toMatchObject({ exitCode: 0 });
      });

      it('keeps its data when it is uninstalled, and serves them again, over TLS', async () => {
        await install(site, ['uninstall']);
        expect(await machine.processes()).toEqual([]);
        await makeCertificate(machine, '/srv/tls', [OTHER_ADDRESS]);
        const url = `https://${OTHER_ADDRESS}:8090/dashboard`;
        const { stderr } = await install(site, [
          ...answers(),
          ...tlsAnswers('/srv/tls'),
          '--horizon-url',
          url,
        ]);
        expect(stderr).toContain('admin logged in and listed images');
        expect(stderr).toContain('an image of 1 MiB went in and came out unchanged');
        expect(stderr).toContain('a resource provider was made and deleted');
        expect(stderr).toContain('the scheduler and the conductor are up');
        expect(await images()).toBe('large\nsmall');
        expect((await endpoints()).every((line) => line.includes(` https://${OTHER_ADDRESS}:`))).toBe(true);
      });
    });
  },
);
