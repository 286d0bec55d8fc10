// Sends HTTP requests in parallel, each on its own connection. Reads from standard input {"requests": [{"method",
// "url", "headers", "body", "ca", "recovers"}], "seconds", "until", "pause"}: every request is sent once, and repeated
// `pause` milliseconds after the answer until the time is over or the file `until` exists; one that `recovers` also until
// it succeeds. Prints one JSON array of answers.
// Plain JavaScript, because Node 20 runs it in another network namespace.
import { existsSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';

/**
 * @param {{ method: string, url: string, headers?: Record<string, string>, body?: string, ca?: string }} request
 * @param {number} index
 */
async function send(request, index) {
  const started = performance.now();
  const start = performance.timeOrigin + started;
  try {
    const answer = await new Promise((resolve, reject) => {
      const { method, url, headers, body, ca } = request;
      const { request: open } = url.startsWith('https:') ? https : http;
      const sent = open(url, { method, headers, ca, agent: false, timeout: 60_000 }, (response) => {
        const fingerprint = response.socket.getPeerCertificate?.().fingerprint256;
        text(response).then(
          (content) =>
            resolve({ status: response.statusCode, headers: response.headers, body: content, fingerprint }),
          reject,
        );
      });
      sent.on('timeout', () => sent.destroy(new Error('no answer in 60 s')));
      sent.on('error', reject);
      sent.end(body);
    });
    return { request: index, start, milliseconds: performance.now() - started, ...answer };
  } catch (error) {
    return { request: index, start, milliseconds: performance.now() - started, fault: String(error) };
  }
}

const { requests, seconds = 0, until, pause = 0 } = JSON.parse(await text(process.stdin));
const end = performance.now() + seconds * 1000;
const goesOn = () => (until === undefined ? performance.now() < end : !existsSync(until));
const answers = await Promise.all(
  requests.map(async (request, index) => {
    const received = [];
    do {
      received.push(await send(request, index));
      await setTimeout(pause);
    } while (goesOn() || (request.recovers && !(received.at(-1).status < 400)));
    return received;
  }),
);
process.stdout.write(JSON.stringify(answers.flat()));
