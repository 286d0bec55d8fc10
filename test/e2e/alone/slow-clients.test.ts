import { beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { runClient } from '../support/client.ts';
import { sendAll } from '../support/http.ts';
import { startMachine, type Machine } from '../support/machine.ts';
import { exhaustive, whyNoMachines } from '../support/requirements.ts';
import { ADDRESS, adminPassword, install, passwordLogin, unpack, type Site } from '../support/site.ts';

const lacking = await whyNoMachines();
/**
 * Credentials by their type, each a hundred kilobytes. httpd buffers a few for a slow reader; the list of many exceeds
 * mod_wsgi's default limit for buffers (8 MiB).
 */
const CREDENTIALS = { few: 2, many: 90 } as const;
/** Seconds after which httpd drops the buffer of a reader of a few: 10, and one for each 20 kB. */
const PATIENCE = 22;
/** The listen backlog of old kernels, and buffers smaller than a reader's answer. */
const KERNEL = `cd /proc/sys/net && echo 128 > core/somaxconn && echo '4096 16384 16384' > ipv4/tcp_wmem &&
  echo '4096 16384 16384' > ipv4/tcp_rmem`;

type Kind = 'heads' | 'bodies' | 'handshakes' | 'readers' | 'idlers';

interface Load {
  readonly slow?: Partial<Readonly<Record<Kind, number>>>;
  readonly clients: number;
  readonly requests: number;
}

interface Seen {
  /** Counts of statuses or faults. */
  readonly answers: Readonly<Record<string, number>>;
  /** Counts of the slow connections' ends. */
  readonly ends: Partial<Readonly<Record<Kind, Readonly<Record<string, number>>>>>;
}

/** Connections from there are a proxy's. */
const PROXY = '127.0.0.1';
const SERVERS = ['mod_wsgi', 'uwsgi'] as const;
const ACCESS_LOGS = { mod_wsgi: 'log/httpd-access.log', uwsgi: 'log/uwsgi/access.log' } as const;
const LOADS: readonly Load[] = exhaustive
  ? [50, 110, 200].flatMap((clients) =>
      [2, 40, 300].map((count) => ({
        slow: { readers: count, idlers: Math.min(count, 8), heads: count, bodies: count, handshakes: count },
        clients,
        requests: 5,
      })),
    )
  : [
      {
        slow: { readers: 40, idlers: 4, heads: 300, bodies: 300, handshakes: 300 },
        clients: 200,
        requests: 2,
      },
    ];

describe.skipIf(lacking !== undefined)(
  `a service whose clients are slow, many, or do not speak HTTP${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let certificate: string;
    let password: string;

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS]);
      // Only in the machine's network.
      const limited = await machine.executeInNetwork(['sh', '-c', KERNEL]);
      if (limited.exitCode !== 0) throw new Error(limited.stderr);
      site = await unpack(machine, '/srv');
      certificate = await makeCertificate(machine, '/srv/tls/one', [ADDRESS]);
      return () => machine.destroy();
    });

    async function makeCredentials(origin: string, token: string): Promise<void> {
      const url = `${origin}/v3/credentials`;
      const headers = { 'content-type': 'application/json', 'x-auth-token': token };
      const get = { method: 'GET', url: `${url}?type=few`, headers, ca: certificate } as const;
      const [listed] = await sendAll(machine, [get]);
      if ((listed?.body ?? '').length > 100_000) return;
      const requests = Object.entries(CREDENTIALS).flatMap(([type, count]) => {
        const body = JSON.stringify({ credential: { type, blob: 'x'.repeat(100_000), user_id: 'u' } });
        return Array.from({ length: count }, () => ({ ...get, method: 'POST', url, body }) as const);
      });
      const failed = (await sendAll(machine, requests)).find(({ status }) => status !== 201);
      if (failed !== undefined) throw new Error(`no credential: ${failed.status} ${failed.body}`);
    }

    describe.each(SERVERS)('%s', (server) => {
      const schemes = exhaustive ? (['http', 'https'] as const) : (['https'] as const);

      describe.each(schemes)('%s', (scheme) => {
        const origin = `${scheme}://${ADDRESS}:5000`;
        let token: string;

        beforeAll(async () => {
          const tls = scheme === 'https' ? ['/srv/tls/one.pem', '/srv/tls/one.key'] : ['', ''];
          await install(site, [
            '--host',
            ADDRESS,
            '--server',
            server,
            `--tls-cert=${tls[0]}`,
            `--tls-key=${tls[1]}`,
            `--trusted-proxy=${PROXY}`,
          ]);
          password = await adminPassword(site);
          const answers = await sendAll(machine, [
            {
              method: 'POST',
              url: `${origin}/v3/auth/tokens`,
              headers: { 'content-type': 'application/json' },
              body: passwordLogin(password),
              ca: certificate,
            },
          ]);
          token = answers[0]?.headers?.['x-subject-token'] ?? '';
          if (token === '') throw new Error(`no token: ${JSON.stringify(answers)}`);
          await makeCredentials(origin, token);
        });

        it.each(LOADS)('answers every request: $slow, and $clients clients at once', async (load) => {
          const slow: Partial<Record<Kind, number>> = { ...load.slow };
          if (scheme === 'http') delete slow.handshakes;
          const seen = await runClient<Seen>(machine, 'slow-clients.mjs', {
            ...load,
            slow,
            origin,
            ca: certificate,
            headers: { 'X-Auth-Token': token, 'X-Subject-Token': token },
            path: '/v3/auth/tokens',
            read: '/v3/credentials?type=few',
            patience: PATIENCE,
            idle: '/v3/credentials?type=many',
          });
          expect(seen.answers).toEqual({ 200: load.clients * load.requests });
          const ended = (kind: Kind, how: string): object =>
            slow[kind] ? { [kind]: { [how]: slow[kind] } } : {};
          expect(seen.ends).toEqual({
            ...ended('heads', '408'),
            ...ended('bodies', '408'),
            ...ended('handshakes', 'closed'),
            ...ended('readers', 'cut'),
            ...ended('idlers', 'reading'),
          });
        });

        it('uses its own name in links, whatever a client sends', async () => {
          const said =
            'X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n';
          const answers = await runClient<string[]>(machine, 'raw-http.mjs', {
            origin,
            ca: certificate,
            requests: ['evil.example', `${ADDRESS}:5000`].map(
              (host) => `GET /v3 HTTP/1.1\r\nHost: ${host}\r\n${said}\r\n`,
            ),
          });
          for (const answer of answers) {
            expect(answer).toContain(`"href": "${origin}/v3/"`);
            expect(answer).not.toMatch(/evil|gopher/);
          }
        });

        it('trusts a configured proxy about its client and the name that the client used', async () => {
          const said =
            'X-Forwarded-Proto: http\r\nX-Forwarded-Host: id.example\r\nX-Forwarded-For: 203.0.113.7\r\n';
          const [answer] = await runClient<string[]>(machine, 'raw-http.mjs', {
            origin,
            ca: certificate,
            requests: [`GET /v3 HTTP/1.1\r\nHost: ${ADDRESS}:5000\r\n${said}\r\n`],
            from: PROXY,
          });
          expect(answer).toContain('"href": "http://id.example/v3/"');
          const log = await machine.execute(['tail', '-1', `${site.instance}/${ACCESS_LOGS[server]}`]);
          expect(log.stdout).toMatch(/^(?:::ffff:)?127\.0\.0\.1 .* "203\.0\.113\.7"$/);
        });

        it('answers a client that closes its half of the connection after a request', async () => {
          const requests = [`GET /v3 HTTP/1.1\r\nHost: ${ADDRESS}:5000\r\n\r\n`];
          const [answer] = await runClient<string[]>(machine, 'raw-http.mjs', {
            origin,
            ca: certificate,
            requests,
            closes: true,
          });
          expect(answer).toMatch(/^HTTP\/1\.1 200 /);
        });

        it('refuses invalid HTTP, and accepts a chunked body', async () => {
          const host = `Host: ${ADDRESS}:5000\r\n`;
          const get = (fields: string): string => `GET /v3 HTTP/1.1\r\n${fields}\r\n`;
          const post = (fields: string, body: string): string =>
            `POST /v3/auth/tokens HTTP/1.1\r\n${host}Content-Type: application/json\r\n${fields}\r\n${body}`;
          const login = passwordLogin(password);
          const half = login.length >> 1;
          const chunks = [login.slice(0, half), login.slice(half), '']
            .map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`)
            .join('');
          const cases: Readonly<Record<string, readonly [request: string, status: number]>> = {
            'a right one': [get(host), 200],
            'two hosts': [get(host + host), 400],
            'no host': [get(''), 400],
            'a host with a space': [get('Host: a b\r\n'), 400],
            'a NUL': [get(`${host}X: a\0b\r\n`), 400],
            'a bare CR': [get(`${host}X: a\rb\r\n`), 400],
            'a space before the colon': [get(`${host}X : a\r\n`), 400],
            'a field without a name': [get(`${host}: a\r\n`), 400],
            'two lengths': [post('Content-Length: 2\r\nContent-Length: 3\r\n', '{}'), 400],
            'a long body': [post('Content-Length: 200000\r\n', ''), 413],
            'a body in chunks': [post('Transfer-Encoding: chunked\r\n', chunks), 201],
            'a deep body': [post('Content-Length: 10000\r\n', '['.repeat(10_000)), 400],
            'a chunk without a size': [post('Transfer-Encoding: chunked\r\n', 'x\r\n'), 400],
          };
          const said = await runClient<string[]>(machine, 'raw-http.mjs', {
            origin,
            ca: certificate,
            requests: Object.values(cases).map(([request]) => request),
          });
          const statuses = said.map((answer) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]));
          for (const [index, answer] of said.entries()) {
            expect(answer).toMatch(/^content-type: application\/json\r$/im);
            const { error } = JSON.parse(answer.split('\r\n\r\n')[1] ?? '') as { error?: { code: number } };
            if (error !== undefined) expect(error.code).toBe(statuses[index]);
          }
          expect(
            Object.fromEntries(Object.keys(cases).map((name, index) => [name, statuses[index]])),
          ).toEqual(Object.fromEntries(Object.entries(cases).map(([name, [, status]]) => [name, status])));
        });
      });
    });
  },
);
