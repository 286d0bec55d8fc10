import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './support/certificate.ts';
import { send, sendAll, type HttpRequest } from './support/http.ts';
import { changedSince } from './support/inside.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import {
  ADDRESS,
  adminPassword,
  bootstrap,
  install,
  issueToken,
  openstack,
  passwordLogin,
  unpack,
  type Site,
} from './support/site.ts';

const IPV6_ADDRESS = 'fd00:5::103';
const STAMP = '/stamp';
/** Debian's `nobody`, the service's account if root installs. */
const SERVICE = 65534;
const OPERATOR = 1000;
const lacking = await whyNoMachines();

type Server = 'mod_wsgi' | 'uwsgi';

/** For each connection to a program's local sockets, the processes that have its other end. */
async function findHolders(machine: Machine, program: string): Promise<readonly (readonly number[])[]> {
  const listed = await machine.executeInNetwork(['ss', '--unix', '--processes', '--no-header']);
  const sockets = listed.stdout.split('\n').flatMap((line) => {
    const [, own, peer] = / (\d+) \* (\d+) /.exec(line) ?? [];
    const pids = [...line.matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid));
    return [{ own, peer, pids, program: /users:\(\("([^"]+)"/.exec(line)?.[1] }];
  });
  const servers = sockets.filter((socket) => socket.program === program);
  return servers.flatMap(({ own }) =>
    sockets.filter(({ peer, pids }) => peer === own && pids.length > 0).map(({ pids }) => pids),
  );
}

/* One story: the tests go on from each other, and the token of the first day is good to the last. */
describe.skipIf(lacking !== undefined)(
  `an instance that changes its server, TLS and its ports${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    /** Certificates by name, as PEM. */
    let certificates: Readonly<Record<'one' | 'two', string>>;
    let password: string;
    let token: string;
    let accessLog: 'text' | 'json' = 'text';

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS, IPV6_ADDRESS]);
      site = await unpack(machine, '/srv/key stöne');
      const make = (name: string): Promise<string> =>
        makeCertificate(machine, `/srv/tls/${name}`, [ADDRESS, IPV6_ADDRESS]);
      certificates = { one: await make('one'), two: await make('two') };
      return () => machine.destroy();
    });

    const tls = (certificate: string, key = certificate): string[] => [
      `--tls-cert=/srv/tls/${certificate}.pem`,
      `--tls-key=/srv/tls/${key}.key`,
    ];
    const NO_TLS = ['--tls-cert=', '--tls-key='];

    const trust = (certificate?: string): Pick<HttpRequest, 'ca'> =>
      certificate === undefined ? {} : { ca: certificate };

    /** Expects that only `server` serves at `origin`, to clients who trust `certificate`, and that all proofs pass. */
    async function expectService(server: Server, origin: string, certificate?: string): Promise<void> {
      const processes = await machine.processes();
      const program = server === 'uwsgi' ? 'uwsgi' : 'httpd';
      expect(new Set(processes.map((process) => process.name))).toEqual(new Set([program, 'memcached']));
      for (const { pid } of processes) expect(await stat(`/proc/${pid}`)).toMatchObject({ uid: SERVICE });

      const url = `${origin}/v3/auth/tokens`;
      const login = { method: 'POST', url, headers: { 'content-type': 'application/json' } } as const;
      const check = {
        method: 'GET',
        url,
        headers: { 'x-auth-token': token, 'x-subject-token': token },
      } as const;
      const [given, kept, refused] = await sendAll(machine, [
        { ...login, body: passwordLogin(password), ...trust(certificate) },
        { ...check, ...trust(certificate) },
        { ...login, body: passwordLogin('wrong'), ...trust(certificate) },
      ]);
      expect([given?.fault, given?.status, kept?.status, refused?.status]).toEqual([
        undefined,
        201,
        200,
        401,
      ]);
      expect(JSON.parse(given?.body ?? '{}')).toMatchObject({
        token: { catalog: catalogOf(`${origin}/v3`) },
      });
      if (certificate !== undefined)
        expect(given?.fingerprint).toBe(new X509Certificate(certificate).fingerprint256);
      const health = await sendAll(
        machine,
        (
          [
            ['GET', '/healthcheck'],
            ['GET', '/healthcheck/'],
            ['HEAD', '/healthcheck'],
          ] as const
        ).map(([method, at]) => ({ method, url: origin + at, ...trust(certificate) })),
      );
      expect(health.map(({ status, body }) => [status, body])).toEqual([
        [200, 'OK'],
        [200, 'OK'],
        [204, ''],
      ]);
      const verified = await bootstrap(site, ['verify']);
      expect(verified, verified.stderr).toMatchObject({ exitCode: 0 });
      const [line, told] = await logged(server, refused?.headers?.['x-openstack-request-id']);
      expect(told).toContain('The request you have made requires authentication');
      if (accessLog === 'text')
        expect(line).toMatch(/"POST \/v3\/auth\/tokens HTTP\/1.1" 401 \d+ \d+ req-\S+$/);
      else
        expect(JSON.parse(line ?? '')).toMatchObject({ method: 'POST', uri: '/v3/auth/tokens', status: 401 });
    }

    /** The first lines of the access log and of Keystone's log with a request's id. */
    async function logged(server: Server, id = 'none'): Promise<readonly string[]> {
      const access = server === 'uwsgi' ? 'log/uwsgi/access.log' : 'log/httpd-access.log';
      const found = [access, 'log/keystone/keystone.log'].map(async (log) => {
        const line = await machine.execute(['grep', '-m1', '-F', id, `${site.instance}/${log}`]);
        return line.stdout;
      });
      return Promise.all(found);
    }

    /** Expects no answer there in this protocol. */
    async function expectNothing(origin: string, certificate?: string): Promise<void> {
      const [answer] = await sendAll(machine, [
        { method: 'GET', url: `${origin}/v3`, ...trust(certificate) },
      ]);
      expect(answer?.status ?? answer?.fault).not.toBe(200);
    }

    /** Expects that an install is refused for the given reason before it writes anything. */
    async function expectRefusal(
      parameters: readonly string[],
      reason: RegExp,
      user?: number,
    ): Promise<void> {
      const before = await machine.processes();
      await machine.execute(['touch', STAMP]);
      // File times have a coarse clock; later changes must be newer than the stamp.
      await machine.execute(['sleep', '0.1']);
      const prefix =
        user === undefined ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
      const script = `${site.release}/init/bootstrap.sh`;
      const refused = await machine.execute([...prefix, script, 'install', ...parameters]);
      expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringMatching(reason) });
      const changed = await changedSince(machine, STAMP);
      expect(changed.filter((file) => !/\/instance\/(?:log|run|data)(?:\/|$)/.test(file))).toEqual([]);
      expect(await machine.processes()).toEqual(before);
    }

    it('starts with uWSGI', async () => {
      await install(site, ['--host', ADDRESS, '--server', 'uwsgi']);
      password = await adminPassword(site);
      token = await issueToken(machine, `http://${ADDRESS}:5000/v3`, password);
      expect(token).toMatch(/^gAAAA/);
      await expectService('uwsgi', `http://${ADDRESS}:5000`);
    });

    it('shares no connection among the processes that were forked', async () => {
      const url = `http://${ADDRESS}:5000/v3/auth/tokens`;
      const headers = { 'content-type': 'application/json' };
      const login = { method: 'POST', url, headers, body: passwordLogin(password) } as const;
      await Promise.all([0, 1, 2, 3].map(async () => sendAll(machine, [login, login])));
      const holders = await findHolders(machine, 'memcached');
      // Each process has its own, and the one that loaded the code and forked them has none.
      expect(new Set(holders.map(({ length }) => length))).toEqual(new Set([1]));
      const workers = (await machine.processes())
        .filter(({ name }) => name === 'uwsgi')
        .map(({ pid }) => pid);
      const connected = new Set(holders.flat());
      expect(connected.size).toBeGreaterThanOrEqual(2);
      expect(workers).toEqual(expect.arrayContaining([...connected]));
      expect(connected).not.toContain(Math.min(...workers));
    });

    it('refuses a certificate with the key of another', async () => {
      await expectRefusal(tls('one', 'two'), /the key is not that of the certificate/);
      await expectRefusal(['--tls-cert', '/srv/tls/one.pem'], /without --tls-key/);
    });

    it('speaks only TLS with uWSGI', async () => {
      await install(site, tls('one'));
      await expectService('uwsgi', `https://${ADDRESS}:5000`, certificates.one);
      await expectNothing(`http://${ADDRESS}:5000`);
      await expectNothing(`https://${ADDRESS}:5000`, certificates.two);
      expect(await openstack(site, ['token', 'issue'])).toMatchObject({ exitCode: 0 });
    });

    it('presents a renewed certificate with uWSGI', async () => {
      await install(site, tls('two'));
      await expectService('uwsgi', `https://${ADDRESS}:5000`, certificates.two);
      expect(await openstack(site, ['token', 'issue'])).toMatchObject({ exitCode: 0 });
    });

    it('speaks TLS with httpd', async () => {
      await install(site, ['--server', 'mod_wsgi']);
      await expectService('mod_wsgi', `https://${ADDRESS}:5000`, certificates.two);
      await install(site, ['--access-log-format', 'json']);
      accessLog = 'json';
      await expectNothing(`http://${ADDRESS}:5000`);
      expect(await openstack(site, ['token', 'issue'])).toMatchObject({ exitCode: 0 });
    });

    it('presents a renewed certificate with httpd, and no request fails meanwhile', async () => {
      const ca = `${certificates.one}${certificates.two}`;
      const asked = sendAll(machine, [{ method: 'GET', url: `https://${ADDRESS}:5000/v3`, ca }], 8);
      await install(site, tls('one'));
      const answers = await asked;
      expect(answers[0]?.fingerprint).toBe(new X509Certificate(certificates.two).fingerprint256);
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      await expectService('mod_wsgi', `https://${ADDRESS}:5000`, certificates.one);
    });

    it('listens only on an IPv6 address, with each server', async () => {
      await install(site, ['--host', IPV6_ADDRESS, '--port', `[${IPV6_ADDRESS}]:5000`]);
      await expectService('mod_wsgi', `https://[${IPV6_ADDRESS}]:5000`, certificates.one);
      await expectNothing(`https://${ADDRESS}:5000`, certificates.one);
      await install(site, ['--server', 'uwsgi', ...NO_TLS]);
      await expectService('uwsgi', `http://[${IPV6_ADDRESS}]:5000`);
      await expectNothing(`http://${ADDRESS}:5000`);
      expect(await openstack(site, ['token', 'issue'])).toMatchObject({ exitCode: 0 });
    });

    it('listens on a port below 1024, and its processes are not root', async () => {
      await install(site, ['--host', ADDRESS, '--port', '80']);
      expect(await openstack(site, ['token', 'issue'])).toMatchObject({ exitCode: 0 });
      await expectService('uwsgi', `http://${ADDRESS}:80`);
      await install(site, ['--server', 'mod_wsgi', '--port', '443', ...tls('one')]);
      await expectService('mod_wsgi', `https://${ADDRESS}:443`, certificates.one);
    });

    it('refuses such a port, and names it, if another user than root installs', async () => {
      const parameters = ['--instance', '/tmp/instance', '--host', ADDRESS, '--port', '444'];
      await expectRefusal(
        parameters,
        /may not listen on port \S*:444\b[^]*ports below 1024 need root/,
        OPERATOR,
      );
    });

    it('returns to its first answers', async () => {
      await install(site, ['--server', 'uwsgi', '--port', '5000', ...NO_TLS]);
      await expectService('uwsgi', `http://${ADDRESS}:5000`);
      await expectNothing(`https://${ADDRESS}:443`, certificates.one);
      const left = await machine.execute(['ls', `${site.instance}/keys`]);
      expect(left).toMatchObject({ exitCode: 0, stdout: 'credential\nfernet' });
      expect(await send(machine, { method: 'GET', url: `http://[::1]:5000/v3` })).toMatchObject({
        status: 200,
      });
    });
  },
);

/** A catalog with one URL for all endpoints. */
function catalogOf(url: string): unknown {
  return [{ type: 'identity', endpoints: [{ url }, { url }, { url }] }];
}
