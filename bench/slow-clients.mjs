/**
 * The cost of slow clients for others: `npm run bench -- slow-clients`, as root. Two instances of the release run in
 * parallel, and equal clients use both at the same time; slow ones use only one. So other load affects both, and the
 * ratio of their 99th percentiles shows the effect of slow clients. All combinations take most of an hour;
 * KSBUNDLE_BENCH_ONLY, a regular expression, selects by name: `uwsgi https heads 300 200` has 300 slow heads and 200
 * clients.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { bootstrap, freePort, ROOT, run, withRelease } from './release.mjs';

const CLIENT = path.join(ROOT, 'test', 'e2e', 'support', 'slow-clients.mjs');
const REQUESTS = 8;
const GOAL = 3;
const ONLY = new RegExp(process.env.KSBUNDLE_BENCH_ONLY ?? '');

/** A measurement: numbers of slow clients of a kind, and of others. */
function combinations({ server, scheme }) {
  const kinds = ['heads', 'bodies', 'readers', ...(scheme === 'https' ? ['handshakes'] : [])];
  return kinds
    .flatMap((kind) => [2, 40, 300].map((slow) => ({ kind, slow })))
    .flatMap((load) => [50, 110, 200].map((clients) => ({ ...load, clients })))
    .filter(({ kind, slow, clients }) => ONLY.test(`${server} ${scheme} ${kind} ${slow} ${clients}`));
}
/** A separate network, with buffers smaller than the answer to a slow reader. */
const NETWORK = `ip link set lo up && cd /proc/sys/net/ipv4 && echo '4096 16384 16384' > tcp_wmem &&
  echo '4096 16384 16384' > tcp_rmem && cd "$0" && exec "$@"`;

function client(order) {
  const child = spawn(process.execPath, [CLIENT], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(JSON.stringify(order));
  return child;
}

/** Milliseconds of each request to `/v3`, and the number of unanswered ones. */
async function ask(origin, clients) {
  const asking = client({ ...origin, headers: {}, path: '/v3', clients, requests: REQUESTS });
  const { answers, milliseconds } = JSON.parse(await text(asking.stdout));
  return { milliseconds, failed: milliseconds.length - (answers[200] ?? 0) };
}

function percentile(milliseconds) {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * 0.99)];
}

/** Measures with slow clients at the second of two origins, and prints a line. Returns whether the goal is met. */
async function compare(name, { quiet, slowed, read }, { kind, slow, clients }) {
  const others = client({ ...slowed, slow: { [kind]: slow }, lasting: true, ...read });
  await once(createInterface(others.stderr), 'line');
  const [without, beside] = await Promise.all([ask(quiet, clients), ask(slowed, clients)]);
  others.kill('SIGKILL');
  await once(others, 'exit');
  const [alone, busy] = [percentile(without.milliseconds), percentile(beside.milliseconds)];
  const ratio = busy / alone;
  const cells = [slow, clients, without.failed + beside.failed, alone.toFixed(0), busy.toFixed(0)];
  const line = cells.map((cell) => String(cell).padStart(9)).join('');
  const good = ratio <= GOAL && without.failed + beside.failed === 0;
  console.log(`${`${name} ${kind}`.padEnd(28)}${line}${ratio.toFixed(2).padStart(8)}${good ? '' : '  !'}`);
  return good;
}

async function makeCertificate(directory) {
  const files = { certificate: path.join(directory, 'one.pem'), key: path.join(directory, 'one.key') };
  const subject = ['-subj', '/CN=bench', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '9'];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await run('openssl', ['req', ...kind, ...subject, '-out', files.certificate, '-keyout', files.key]);
  return { ...files, ca: await readFile(files.certificate, 'utf8') };
}

/** Sends JSON; the answer's status and headers. */
async function post({ origin, ca }, { path: to, headers, body }) {
  const { request } = origin.startsWith('https:') ? https : http;
  const sent = request(`${origin}${to}`, {
    method: 'POST',
    ca,
    headers: { 'content-type': 'application/json', ...headers },
  });
  sent.end(JSON.stringify(body));
  const [answer] = await once(sent, 'response');
  answer.resume();
  return answer;
}

/** Creates 200 kB of credentials for slow readers. Returns a token to read them with. */
async function makeCredentials(origin, instance) {
  const password = (await readFile(path.join(instance, 'admin-password'), 'utf8')).trim();
  const domain = { id: 'default' };
  const auth = {
    identity: { methods: ['password'], password: { user: { name: 'admin', domain, password } } },
    scope: { project: { name: 'admin', domain } },
  };
  const { headers } = await post(origin, { path: '/v3/auth/tokens', headers: {}, body: { auth } });
  const token = headers['x-subject-token'];
  const credential = { type: 'large', blob: 'x'.repeat(100_000), user_id: 'bench' };
  for (let made = 0; made < 2; made += 1) {
    const { statusCode } = await post(origin, {
      path: '/v3/credentials',
      headers: { 'x-auth-token': token },
      body: { credential },
    });
    if (statusCode !== 201) throw new Error(`no credential: ${statusCode}`);
  }
  return token;
}

/** Reinstalls both instances, and measures each combination. */
async function measureServer(release, { server, scheme }, state) {
  const loads = combinations({ server, scheme });
  if (loads.length === 0) return true;
  const files = scheme === 'https' ? [state.certificate, state.key] : ['', ''];
  const origins = [];
  for (const [index, instance] of state.instances.entries()) {
    const tls = [`--tls-cert=${files[0]}`, `--tls-key=${files[1]}`];
    const answers = [
      '--instance',
      instance,
      '--server',
      server,
      '--port',
      String(state.ports[index]),
      ...tls,
    ];
    await bootstrap(release, ...answers);
    origins.push({ origin: `${scheme}://127.0.0.1:${state.ports[index]}`, ca: state.ca });
  }
  const [quiet, slowed] = origins;
  state.token ??= await makeCredentials(slowed, state.instances[1]);
  const headers = { 'X-Auth-Token': state.token };
  const read = { headers, read: '/v3/credentials?type=large', patience: 60 };
  let good = true;
  for (const load of loads)
    good = (await compare(`${server} ${scheme}`, { quiet, slowed, read }, load)) && good;
  return good;
}

async function measure(tarball) {
  return withRelease(tarball, async (release) => {
    const directory = path.dirname(release);
    const instances = ['quiet', 'slowed'].map((name) => path.join(directory, name));
    const state = { ...(await makeCertificate(directory)), instances, ports: [] };
    for (const _ of instances) state.ports.push(await freePort());
    const titles = ['slow', 'clients', 'failed', 'p99 ms', 'beside'];
    console.log(`${''.padEnd(28)}${titles.map((title) => title.padStart(9)).join('')}${'ratio'.padStart(8)}`);
    let good = true;
    try {
      for (const server of ['mod_wsgi', 'uwsgi'])
        for (const scheme of ['http', 'https'])
          good = (await measureServer(release, { server, scheme }, state)) && good;
    } finally {
      for (const instance of instances) await bootstrap(release, 'stop', '--instance', instance);
    }
    return good;
  });
}

/**
 * Both servers, with http and TLS: prints a table, and marks values above the goal. Returns no rows for the common
 * table.
 */
export async function measureSlowClients(tarball) {
  const inside = ['--net', 'sh', '-c', NETWORK, ROOT, process.execPath, import.meta.filename, tarball];
  const [code] = await once(spawn('unshare', inside, { stdio: 'inherit' }), 'exit');
  if (code !== 0) process.exitCode = 1;
  return [];
}

if (process.argv[1] === import.meta.filename) process.exitCode = (await measure(process.argv[2])) ? 0 : 1;
