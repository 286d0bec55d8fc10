import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';

/** Milliseconds from an answer to the next request. */
const PAUSE = 20;
const TIMEOUT = 10_000;

/**
 * Validates a token every 20 ms, each time on a new connection, during `work`. Returns the longest time between two
 * correct answers, in seconds, and the number of requests with a wrong answer or none. `url` ends with /v3 and must not
 * change.
 */
export async function watch({ url, instance }, work) {
  const token = await issueToken(url, instance);
  const options = { headers: { 'X-Auth-Token': token, 'X-Subject-Token': token } };
  const ended = new AbortController();
  const watching = (async () => {
    let last = performance.now();
    let gap = 0;
    let failed = 0;
    do {
      const answer = await ask(`${url}/auth/tokens`, options).catch(() => undefined);
      const now = performance.now();
      if (answer?.statusCode === 200) {
        gap = Math.max(gap, now - last);
        last = now;
      } else failed += 1;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    } while (!ended.signal.aborted);
    return { gap: Math.max(gap, performance.now() - last - PAUSE) / 1000, failed };
  })();
  try {
    await work();
  } finally {
    ended.abort();
  }
  return watching;
}

async function issueToken(url, instance) {
  const password = (await readFile(path.join(instance, 'admin-password'), 'utf8')).trimEnd();
  const domain = { id: 'default' };
  const identity = { methods: ['password'], password: { user: { name: 'admin', domain, password } } };
  const body = JSON.stringify({ auth: { identity, scope: { project: { name: 'admin', domain } } } });
  const headers = { 'Content-Type': 'application/json' };
  const answer = await ask(`${url}/auth/tokens`, { method: 'POST', headers }, body);
  if (answer.statusCode !== 201) throw new Error(`no token: ${answer.statusCode}`);
  return answer.headers['x-subject-token'];
}

function ask(url, options, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { ...options, agent: false, timeout: TIMEOUT }, (answer) => {
      answer.on('end', () => resolve(answer)).on('error', reject);
      answer.resume();
    });
    request.on('timeout', () => request.destroy(new Error('no answer'))).on('error', reject);
    request.end(body);
  });
}
