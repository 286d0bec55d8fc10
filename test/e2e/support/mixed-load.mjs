// Many clients of Keystone at the same time. Reads from standard input
// {"url", "ca", "login", "work", "clients", "pause", "rounds", "seconds", "begun", "until"}: `login` is the body that gets
// the administrator's token, `ca` the trusted certificates for https as PEM. Makes the file `begun`. Then each client does so
// many rounds of requests, with `pause` milliseconds between them, and more for `seconds`, or until the file `until` exists.
// The `work` "tokens" is to issue tokens and validate them; "mixed", the default, is to write, also to a few users that the
// clients share. Prints {"requests", "seconds", "last", "wrong": [{"step", "start", "end", "status", "body"}]}: the answers
// that are not the expected ones, and when the last expected one came, in milliseconds of the host's clock. Plain
// JavaScript, because Node 20 runs it in another network namespace.
import { existsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';

/** Few, so that clients change the same rows: a login clears what a wrong password has counted. */
const USERS = 4;
const PATIENCE = 60_000;
const DOMAIN = { id: 'default' };

/** Tells the things of one run from those of another on the same database. */
const RUN = `load-${Date.now()}`;

const order = JSON.parse(await text(process.stdin));

/** The status, head and parsed body of an answer; without a status, why there is none. */
async function ask(method, path, { token, subject, body } = {}) {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { 'x-auth-token': token }),
    ...(subject === undefined ? {} : { 'x-subject-token': subject }),
  };
  try {
    const answer = await new Promise((resolve, reject) => {
      const options = { method, headers, ca: order.ca, agent: false, timeout: PATIENCE };
      const { request } = order.url.startsWith('https:') ? https : http;
      const sent = request(`${order.url}/${path}`, options, resolve);
      sent.on('timeout', () => sent.destroy(new Error('no answer'))).on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
    return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
  } catch (error) {
    return { body: String(error) };
  }
}

const idOf = ({ body }) => Object.values(JSON.parse(body))[0].id;

function login(name, password) {
  const user = { name, domain: DOMAIN, password };
  return { auth: { identity: { methods: ['password'], password: { user } } } };
}

/** Throws unless the answer has the status. */
async function need(status, ...request) {
  const answer = await ask(...request);
  if (answer.status !== status) throw new Error(`${request[1]}: ${answer.status} ${answer.body}`);
  return answer;
}

const token = (await need(201, 'POST', 'auth/tokens', { body: order.login })).headers['x-subject-token'];

let requests = 0;
let last = 0;
const wrong = [];

/** Sends a request and notes an answer other than the expected one; the answer if it is that. */
async function expect(status, step, ...request) {
  const start = Date.now();
  const answer = await ask(...request);
  requests += 1;
  if (answer.status === status) {
    last = Date.now();
    return answer;
  }
  wrong.push({ step, start, end: Date.now(), status: answer.status, body: answer.body });
  return undefined;
}

/** Issues a token and validates it; behind a load balancer, often at two nodes. */
async function useTokens() {
  const body = { auth: { identity: { methods: ['token'], token: { id: token } } } };
  const issued = await expect(201, 'issue a token', 'POST', 'auth/tokens', { body });
  if (issued === undefined) return;
  const subject = issued.headers['x-subject-token'];
  await expect(200, 'validate a token', 'GET', 'auth/tokens', { token, subject });
}

/** Makes the shared users; returns the function that does a round of writing requests. */
async function startWriting() {
  const role = idOf(await need(201, 'POST', 'roles', { token, body: { role: { name: RUN } } }));
  const users = [];
  while (users.length < USERS) {
    const name = `${RUN}-${users.length}`;
    // 401 is the right answer to any number of wrong passwords.
    const user = {
      name,
      password: `password of ${name}`,
      options: { ignore_lockout_failure_attempts: true },
    };
    users.push({ ...user, id: idOf(await need(201, 'POST', 'users', { token, body: { user } })) });
  }
  return (client, round) => write({ role, users }, client, round);
}

async function write({ role, users }, client, round) {
  const { name, password, id } = users[(client + round) % USERS];
  await expect(401, 'wrong password', 'POST', 'auth/tokens', { body: login(name, 'wrong') });
  await expect(201, 'login', 'POST', 'auth/tokens', { body: login(name, password) });
  const body = { project: { name: `${RUN}-${client}-${round}` } };
  const made = await expect(201, 'make a project', 'POST', 'projects', { token, body });
  if (made === undefined) return;
  const project = `projects/${idOf(made)}`;
  await expect(204, 'assign a role', 'PUT', `${project}/users/${id}/roles/${role}`, { token });
  await expect(204, 'delete a project', 'DELETE', project, { token });
}

const doRound = order.work === 'tokens' ? useTokens : await startWriting();
if (order.begun !== undefined) writeFileSync(order.begun, '');
const started = performance.now();
const lasts = () =>
  order.until === undefined
    ? performance.now() - started < (order.seconds ?? 0) * 1000
    : !existsSync(order.until);
await Promise.all(
  Array.from({ length: order.clients }, async (_, client) => {
    for (let round = 0; round < (order.rounds ?? 1) || lasts(); round += 1) {
      await doRound(client, round);
      await setTimeout(order.pause ?? 0);
    }
  }),
);
process.stdout.write(
  JSON.stringify({ requests, seconds: (performance.now() - started) / 1000, last, wrong }),
);
