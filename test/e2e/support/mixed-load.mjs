// Many clients of Keystone that write at the same time. Reads from standard input
// {"url", "login", "clients", "rounds", "seconds", "begun", "until"}: `login` is the body that gets the administrator's
// token. Makes a few users, which the clients share, and the file `begun`. Then each client does so many rounds of requests,
// and more for `seconds`, or until the file `until` exists. Prints {"requests", "seconds", "last", "wrong": [{"step",
// "start", "end", "status", "body"}]}: the answers that are not the expected ones, and when the last expected one came, in
// milliseconds of the host's clock. Plain JavaScript, because Node 20 runs it in another network namespace.
import { existsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { text } from 'node:stream/consumers';

/** Few, so that clients change the same rows: a login clears what a wrong password has counted. */
const USERS = 4;
const PATIENCE = 60_000;
const DOMAIN = { id: 'default' };

/** Tells the things of one run from those of another on the same database. */
const RUN = `load-${Date.now()}`;

const order = JSON.parse(await text(process.stdin));

/** The status, head and parsed body of an answer; without a status, why there is none. */
async function ask(method, path, { token, body } = {}) {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { 'x-auth-token': token }),
  };
  try {
    const answer = await new Promise((resolve, reject) => {
      const options = { method, headers, agent: false, timeout: PATIENCE };
      const sent = http.request(`${order.url}/${path}`, options, resolve);
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
const role = idOf(await need(201, 'POST', 'roles', { token, body: { role: { name: RUN } } }));
const users = [];
while (users.length < USERS) {
  const name = `${RUN}-${users.length}`;
  // 401 is the right answer to any number of wrong passwords.
  const user = { name, password: `password of ${name}`, options: { ignore_lockout_failure_attempts: true } };
  users.push({ ...user, id: idOf(await need(201, 'POST', 'users', { token, body: { user } })) });
}

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

async function doRound(client, round) {
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

if (order.begun !== undefined) writeFileSync(order.begun, '');
const started = performance.now();
const lasts = () =>
  order.until === undefined
    ? performance.now() - started < (order.seconds ?? 0) * 1000
    : !existsSync(order.until);
await Promise.all(
  Array.from({ length: order.clients }, async (_, client) => {
    for (let round = 0; round < (order.rounds ?? 1) || lasts(); round += 1) await doRound(client, round);
  }),
);
process.stdout.write(
  JSON.stringify({ requests, seconds: (performance.now() - started) / 1000, last, wrong }),
);
