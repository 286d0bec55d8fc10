import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/io/process.ts';
import { sendAll } from './support/http.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, install, passwordLogin, unpack, type Site } from './support/site.ts';

const lacking = await whyNoMachines();
/** Of large credentials, each a hundred kilobytes: the list of all is more than the kernel holds for a slow reader. */
const CREDENTIALS = 60;
/** What old kernels let wait on a socket. */
const SOMAXCONN = 128;

type Kind = 'heads' | 'bodies' | 'handshakes' | 'readers';

interface Load {
  readonly slow?: Partial<Readonly<Record<Kind, number>>>;
  readonly clients: number;
  readonly requests: number;
}

interface Seen {
  /** Statuses, or faults, and how many there were. */
  readonly answers: Readonly<Record<string, number>>;
  /** How the slow connections ended, and how many so. */
  readonly ends: Partial<Readonly<Record<Kind, Readonly<Record<string, number>>>>>;
}

const SERVERS = ['mod_wsgi', 'uwsgi'] as const;
const LOADS: readonly Load[] = exhaustive
  ? [50, 110, 200].flatMap((clients) =>
      [2, 40, 300].map((count) => ({
        slow: { heads: count, bodies: count, handshakes: count, readers: Math.min(count, 40) },
        clients,
        requests: 5,
      })),
    )
  : [
      { clients: 200, requests: 2 },
      { slow: { heads: 100, bodies: 100, handshakes: 100, readers: 6 }, clients: 110, requests: 2 },
    ];

describe.skipIf(lacking !== undefined)(
  `a service whose clients are slow, many, or no clients of HTTP${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let certificate: string;
    let password: string;

    beforeAll(async () => {
      machine = await startMachine('trixie', [ADDRESS]);
      // Of the machine's network alone.
      const limit = `echo ${SOMAXCONN} > /proc/sys/net/core/somaxconn`;
      const limited = await machine.executeInNetwork(['sh', '-c', limit], '');
      if (limited.exitCode !== 0) throw new Error(limited.stderr);
      site = await unpack(machine, '/srv');
      certificate = await makeCertificate();
      return () => machine.destroy();
    });

    async function makeCertificate(): Promise<string> {
      const directory = path.join(machine.root, 'srv/tls');
      await mkdir(directory);
      const file = path.join(directory, 'one.pem');
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      const names = ['-subj', '/CN=one', '-addext', `subjectAltName=IP:${ADDRESS}`];
      const files = ['-out', file, '-keyout', path.join(directory, 'one.key')];
      const made = await run(['openssl', 'req', '-x509', ...key, ...names, '-days', '90', ...files]);
      if (made.exitCode !== 0) throw new Error(made.stderr);
      return readFile(file, 'utf8');
    }

    /** Runs a program of support/ beside the service; what it printed. */
    async function client<T>(program: string, order: object): Promise<T> {
      const file = path.join(import.meta.dirname, 'support', program);
      const sent = await machine.executeInNetwork([process.execPath, file], JSON.stringify(order));
      if (sent.exitCode !== 0) throw new Error(`${program} failed: ${sent.stderr}`);
      return JSON.parse(sent.stdout) as T;
    }

    async function makeCredentials(origin: string, token: string): Promise<void> {
      const url = `${origin}/v3/credentials`;
      const headers = { 'content-type': 'application/json', 'x-auth-token': token };
      const [listed] = await sendAll(machine, [{ method: 'GET', url, headers, ca: certificate }]);
      if ((listed?.body ?? '').length > 1e6) return;
      const body = JSON.stringify({ credential: { type: 'large', blob: 'x'.repeat(100_000), user_id: 'u' } });
      const request = { method: 'POST', url, headers, body, ca: certificate } as const;
      for (let made = 0; made < CREDENTIALS; made += 10) {
        const answers = await sendAll(
          machine,
          Array.from({ length: 10 }, () => request),
        );
        const failed = answers.find(({ status }) => status !== 201);
        if (failed !== undefined) throw new Error(`no credential: ${failed.status} ${failed.body}`);
      }
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
          const seen = await client<Seen>('slow-clients.mjs', {
            ...load,
            slow,
            origin,
            ca: certificate,
            headers: { 'X-Auth-Token': token, 'X-Subject-Token': token },
            path: '/v3/auth/tokens',
            read: '/v3/credentials',
          });
          expect(seen.answers).toEqual({ 200: load.clients * load.requests });
          const ended = (kind: Kind, how: string): object =>
            slow[kind] ? { [kind]: { [how]: slow[kind] } } : {};
          expect(seen.ends).toEqual({
            ...ended('heads', '408'),
            ...ended('bodies', '408'),
            ...ended('handshakes', 'closed'),
            ...ended('readers', 'reading'),
          });
        });

        it('names itself in links, whatever a client says', async () => {
          const said =
            'X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n';
          const answers = await client<string[]>('raw-http.mjs', {
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

        it('answers who closes its half of the connection behind a request', async () => {
          const requests = [`GET /v3 HTTP/1.1\r\nHost: ${ADDRESS}:5000\r\n\r\n`];
          const [answer] = await client<string[]>('raw-http.mjs', {
            origin,
            ca: certificate,
            requests,
            closes: true,
          });
          expect(answer).toMatch(/^HTTP\/1\.1 200 /);
        });

        it('refuses what is no HTTP, and takes a body in chunks', async () => {
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
          const said = await client<string[]>('raw-http.mjs', {
            origin,
            ca: certificate,
            requests: Object.values(cases).map(([request]) => request),
          });
          const statuses = said.map((answer) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]));
          expect(
            Object.fromEntries(Object.keys(cases).map((name, index) => [name, statuses[index]])),
          ).toEqual(Object.fromEntries(Object.entries(cases).map(([name, [, status]]) => [name, status])));
        });
      });
    });
  },
);
