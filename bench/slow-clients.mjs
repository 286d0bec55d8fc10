import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { bootstrap, freePort, ROOT, run, withRelease } from './release.mjs';

const CLIENT = path.join(ROOT, 'test', 'e2e', 'support', 'slow-clients.mjs');
const PAIRS = 3;
const REQUESTS = 6;

/** What the measured clients saw while others were slow: milliseconds of each request, and how many were not answered. */
async function ask(order) {
  const client = spawn(process.execPath, [CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  client.stdin.end(JSON.stringify({ ...order, path: '/v3', requests: REQUESTS }));
  const { answers, milliseconds } = JSON.parse(await text(client.stdout));
  const sorted = milliseconds.toSorted((a, b) => a - b);
  return { p99: sorted[Math.floor(sorted.length * 0.99)], failed: sorted.length - (answers[200] ?? 0) };
}

async function makeCertificate(directory) {
  const files = { certificate: path.join(directory, 'one.pem'), key: path.join(directory, 'one.key') };
  const subject = ['-subj', '/CN=bench', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '9'];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', ['req', ...kind, ...subject, '-out', files.certificate, '-keyout', files.key]);
  return { ...files, ca: await readFile(files.certificate, 'utf8') };
}

/** The 99th percentile of answers beside slow clients, as a multiple of that without them, in pairs. */
async function compare(name, origin, { slow, clients }) {
  const [ratios, failed] = [[], []];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const alone = await ask({ ...origin, clients });
    const beside = await ask({ ...origin, clients, slow });
    ratios.push(beside.p99 / alone.p99);
    failed.push(beside.failed + alone.failed);
  }
  return [
    { name, unit: 'p99 ratio', seconds: ratios, goal: 3 },
    { name: '  … requests not answered', unit: 'count', seconds: failed, goal: 0 },
  ];
}

/** Both servers, with http and TLS, beside slow heads, bodies, handshakes and readers, and with 50 to 200 clients. */
export async function measureSlowClients(tarball) {
  return withRelease(tarball, async (release) => {
    const port = String(await freePort());
    const { certificate, key, ca } = await makeCertificate(path.dirname(release));
    const rows = [];
    for (const server of ['mod_wsgi', 'uwsgi']) {
      for (const scheme of ['http', 'https']) {
        const files = scheme === 'https' ? [certificate, key] : ['', ''];
        const tls = [`--tls-cert=${files[0]}`, `--tls-key=${files[1]}`];
        await bootstrap(release, '--server', server, '--port', port, ...tls);
        const origin = { origin: `${scheme}://127.0.0.1:${port}`, ca, headers: {} };
        for (const [count, clients] of [
          [2, 50],
          [40, 110],
          [300, 200],
        ]) {
          const kinds = ['heads', 'bodies', 'readers', ...(scheme === 'https' ? ['handshakes'] : [])];
          for (const kind of kinds) {
            const name = `${server} ${scheme}: ${count} slow ${kind}, ${clients} clients`;
            rows.push(...(await compare(name, origin, { slow: { [kind]: count }, clients })));
          }
        }
      }
    }
    return rows;
  });
}
