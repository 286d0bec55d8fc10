// Slow clients, and many others, at one server. Reads from standard input {"origin", "ca", "slow": {"heads", "bodies",
// "handshakes", "readers", "idlers"}, "clients", "requests", "headers", "path", "read", "patience", "idle"}: opens
// these numbers of slow connections, then lets `clients` send `requests` requests for `path` each, one after the other
// on new connections. Readers request `read`, receive some of it for `patience` seconds and then the rest; idlers
// request `idle`, and receive nothing. Prints {"answers": {status or fault: how many}, "milliseconds": [...], "ends":
// {kind: {how it ended: how many}}, "seconds"}: slow ones are waited for, except idlers. With "lasting" there are only
// slow ones, each reopened when it ends; prints "open" on standard error once all are open. Plain JavaScript, because
// Node 20 runs it in another network namespace.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import tls from 'node:tls';

/** Interval between a slow client's bytes, and the maximum wait for one, in milliseconds. */
const PACE = 1000;
const LONGEST = 60_000;

/** The start of a TLS client's first message: a handshake of 512 bytes, a hello. */
const HELLO = Buffer.from(`1603010200010001fc0303${'00'.repeat(500)}`, 'hex');

const order = JSON.parse(await text(process.stdin));
const url = new URL(order.origin);
const secure = url.protocol === 'https:';
const address = { host: url.hostname.replaceAll(/[[\]]/g, ''), port: Number(url.port) };

/** A connection to the server, encrypted for https. Resolves once requests can be sent. */
function connect() {
  return new Promise((resolve, reject) => {
    const socket = secure ? tls.connect({ ...address, ca: order.ca }) : net.connect(address);
    socket.once(secure ? 'secureConnect' : 'connect', () => resolve(socket)).once('error', reject);
  });
}

function head(method, path, fields) {
  const lines = Object.entries({ Host: url.host, ...fields }).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n`;
}

/** The end of a connection: the status of an error in JSON, or `closed`. */
function endOf(socket) {
  return new Promise((resolve) => {
    let said = '';
    socket.on('data', (data) => (said += data.toString('latin1')));
    socket.on('error', () => undefined);
    const told = () => resolve(said === '' ? 'closed' : (errorIn(said) ?? said));
    socket.on('end', told).on('close', told);
    globalThis.setTimeout(() => resolve('still open'), LONGEST).unref();
  });
}

function errorIn(answer) {
  const [fields = '', body = ''] = answer.split('\r\n\r\n');
  const status = /^HTTP\/1\.1 (\d+)/.exec(fields)?.[1];
  if (!/^content-type: application\/json\r?$/im.test(fields)) return undefined;
  return String(JSON.parse(body).error.code) === status ? status : undefined;
}

/**
 * Receives some bytes of an answer from time to time, and all of them after `patience` seconds. Resolves to `whole` or
 * `cut`.
 */
async function sip(socket, seconds) {
  let taken = Buffer.alloc(0);
  const take = (size) => (taken = Buffer.concat([taken, socket.read(size) ?? Buffer.alloc(0)]));
  const ended = new Promise((resolve) => socket.on('end', resolve).on('close', resolve));
  for (let second = 0; second < seconds; second += 1) {
    await setTimeout(PACE);
    take(Math.min(512, socket.readableLength));
  }
  socket.on('readable', () => take());
  take();
  await ended;
  socket.destroy();
  const length = /^content-length: (\d+)/im.exec(taken.toString('latin1'))?.[1];
  if (length === undefined) return taken.toString('latin1', 0, 100);
  return taken.length < Number(length) ? 'cut' : 'whole';
}

/** Sends a byte from time to time until the connection ends. Resolves to its end. */
async function trickle(socket, bytes) {
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < bytes.length && socket.writable) socket.write(bytes.subarray(sent, (sent += 1)));
  }, PACE);
  const end = await endOf(socket);
  clearInterval(timer);
  socket.destroy();
  return end;
}

/* Each opens a connection, and gives a promise of its end. */
const SLOW = {
  async heads() {
    const socket = await connect();
    socket.write('GET /v3 HTTP/1.1\r\nX-Slow: ');
    return { end: trickle(socket, Buffer.alloc(900, 'a')) };
  },
  async bodies() {
    const socket = await connect();
    const fields = { 'Content-Type': 'application/json', 'Content-Length': '1000' };
    socket.write(`${head('POST', '/v3/auth/tokens', fields)}\r\n{`);
    return { end: trickle(socket, Buffer.alloc(900, ' ')) };
  },
  async handshakes() {
    const socket = net.connect(address);
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    socket.write(HELLO.subarray(0, 5));
    return { end: trickle(socket, HELLO.subarray(5)) };
  },
  async readers() {
    const socket = await connect();
    socket.write(`${head('GET', order.read, { ...order.headers, Connection: 'close' })}\r\n`);
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('readable', resolve).once('close', resolve));
    return { end: sip(socket, order.patience) };
  },
  async idlers() {
    const socket = await connect();
    socket.on('error', () => undefined).pause();
    socket.write(`${head('GET', order.idle, order.headers)}\r\n`);
    return { end: 'reading', socket };
  },
};

/** One request of the measured clients; returns its status, or the fault. */
async function ask() {
  const start = performance.now();
  const { request } = secure ? https : http;
  const options = { headers: order.headers, ca: order.ca, agent: false, timeout: LONGEST };
  try {
    const answer = await new Promise((resolve, reject) => {
      const sent = request(new URL(order.path, url), options, resolve);
      sent.on('timeout', () => sent.destroy(new Error('no answer'))).on('error', reject);
      sent.end();
    });
    await buffer(answer);
    return { result: String(answer.statusCode), milliseconds: performance.now() - start };
  } catch (error) {
    return { result: String(error.code ?? error.message), milliseconds: performance.now() - start };
  }
}

function count(words) {
  const counted = {};
  for (const word of words) counted[word] = (counted[word] ?? 0) + 1;
  return counted;
}

async function openAgain(kind, { end }) {
  await end;
  await openAgain(kind, await SLOW[kind]());
}

const started = performance.now();
const opened = {};
for (const [kind, number] of Object.entries(order.slow ?? {}))
  opened[kind] = await Promise.all(Array.from({ length: number }, SLOW[kind]));
if (order.lasting) {
  process.stderr.write('open\n');
  const all = Object.entries(opened).flatMap(([kind, connections]) =>
    connections.map((connection) => openAgain(kind, connection)),
  );
  await Promise.all(all);
}
// Slow ones start before the others.
if (order.slow !== undefined) await setTimeout(PACE);

const answers = await Promise.all(
  Array.from({ length: order.clients ?? 0 }, async () => {
    const received = [];
    while (received.length < order.requests) received.push(await ask());
    return received;
  }),
);
const served = (performance.now() - started) / 1000;
const ends = {};
for (const [kind, connections] of Object.entries(opened)) {
  ends[kind] = count(await Promise.all(connections.map(({ end }) => end)));
  for (const { socket } of connections) socket?.destroy();
}
process.stdout.write(
  JSON.stringify({
    answers: count(answers.flat().map(({ result }) => result)),
    milliseconds: answers.flat().map(({ milliseconds }) => milliseconds),
    ends,
    served,
    seconds: (performance.now() - started) / 1000,
  }),
);
process.exit(0);
