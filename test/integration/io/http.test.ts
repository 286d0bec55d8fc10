import { randomBytes } from 'node:crypto';
import events from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { hashBytes } from '../../../src/io/files.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from '../../../src/io/http.ts';
import { openSender } from '../../../src/io/http-request.ts';
import { sendFile, serve, type TestServer } from '../../support/http-server.ts';

const content = randomBytes(300_000);
const digest = hashBytes(content);

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'ksbundle-http-'));
  file = path.join(directory, 'partial');
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function open(options: HttpOptions = {}): HttpClient {
  const client = createHttpClient({ environment: {}, ...options, retry: { delay: 1, ...options.retry } });
  onTestFinished(() => client.close());
  return client;
}

/** Cuts the connections at every multiple of `bytes` before the end. */
function cutAt(server: TestServer, bytes: number): (done: number) => void {
  return (done) => {
    if (done % bytes === 0 && done < content.length) server.cut();
  };
}

test('a file arrives whole, with its digest and its progress', async () => {
  const server = await serve((request, response) => sendFile(request, response, { content, etag: '"1"' }));
  const progress: [number, number | undefined][] = [];
  const downloaded = await open().download(`${server.url}/a`, {
    file,
    onProgress: (done, total) => progress.push([done, total]),
  });
  expect(downloaded).toEqual({ sha256: digest, size: content.length, resumed: false });
  expect(await readFile(file)).toEqual(content);
  expect(progress.at(-1)).toEqual([content.length, content.length]);
  expect(await readdir(directory)).toEqual(['partial']);
});

test('a file or a page that is larger than allowed is given up at once, and nothing of it is kept', async () => {
  const server = await serve((_, response) => {
    response.writeHead(200);
    const send = (): void => void (response.destroyed || response.write(content, () => setImmediate(send)));
    send();
  });
  const most = 1_000_000;
  const tooLarge = { facts: { code: 'KSB_HTTP_FAILED', why: `it is larger than ${most} bytes` } };
  await expect(open().download(`${server.url}/a`, { file, most })).rejects.toMatchObject(tooLarge);
  await expect(open().getText(`${server.url}/a`, { most })).rejects.toMatchObject(tooLarge);
  expect(server.requests.length).toBe(2);
  expect(await readdir(directory)).toEqual([]);
});

test('a body that is read late arrives whole from a server that has closed the connection', async () => {
  for (const size of [1 << 16, 1 << 20]) {
    const body = randomBytes(size);
    const server = net.createServer((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/1.0 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        socket.end(body);
      });
    });
    server.listen(0, '127.0.0.1');
    await events.once(server, 'listening');
    onTestFinished(() => void server.close());
    const sender = await openSender({}, { connect: 5000, headers: 5000, idle: 5000 });
    onTestFinished(() => sender.close());
    const { port } = server.address() as net.AddressInfo;
    const response = await sender.send({ url: new URL(`http://127.0.0.1:${port}/`) });
    await setTimeout(200);
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
  }
});

test('a broken download is resumed where it broke off', async () => {
  const ranges: (string | undefined)[] = [];
  const server = await serve((request, response) => {
    ranges.push(request.headers.range);
    sendFile(request, response, {
      content,
      etag: '"1"',
      stallAfter: 100_000,
    });
  });
  const retries: string[] = [];
  const downloaded = await open().download(`${server.url}/a`, {
    file,
    onProgress: cutAt(server, 100_000),
    onRetry: (why) => retries.push(why),
  });
  expect(downloaded).toEqual({ sha256: digest, size: content.length, resumed: false });
  expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
  expect(retries).toEqual(['the connection was interrupted', 'the connection was interrupted']);
});

test('attempts that get further are not counted, others are', async () => {
  let requests = 0;
  const server = await serve((request, response) => {
    requests++;
    sendFile(request, response, { content, etag: '"1"', stallAfter: 50_000 });
  });
  const { sha256 } = await open({ retry: { retries: 1 } }).download(`${server.url}/a`, {
    file,
    onProgress: cutAt(server, 50_000),
  });
  expect(sha256).toBe(digest);
  expect(requests).toBe(6);

  const stubborn = await serve((request, response) =>
    sendFile(request, response, { content, stallAfter: 50_000 }),
  );
  const failing = open({ retry: { retries: 2 } }).download(`${stubborn.url}/a`, {
    file,
    onProgress: cutAt(stubborn, 50_000),
  });
  await expect(failing).rejects.toMatchObject({
    facts: { code: 'KSB_HTTP_FAILED', why: 'the connection was interrupted' },
  });
  expect(stubborn.requests).toHaveLength(3);
});

test('the next run resumes a partial download', async () => {
  const ranges: (string | undefined)[] = [];
  const server = await serve((request, response) => {
    ranges.push(request.headers.range);
    sendFile(request, response, {
      content,
      etag: '"1"',
      ...(ranges.length === 1 ? { stallAfter: 100_000 } : {}),
    });
  });
  const controller = new AbortController();
  const reason = new Error('Ctrl-C');
  const interrupted = open().download(`${server.url}/a`, {
    file,
    signal: controller.signal,
    onProgress: (done) => done >= 100_000 && controller.abort(reason),
  });
  await expect(interrupted).rejects.toBe(reason);

  const downloaded = await open().download(`${server.url}/a`, { file });
  expect(downloaded).toEqual({ sha256: digest, size: content.length, resumed: true });
  expect(ranges).toEqual([undefined, 'bytes=100000-']);
});

test('a partial download of another version or address is not resumed', async () => {
  let etag = '"1"';
  const ranges: (string | undefined)[] = [];
  const server = await serve((request, response) => {
    ranges.push(request.headers.range);
    const cut = ranges.length % 2 === 1 ? { stallAfter: 100_000 } : {};
    sendFile(request, response, { content, etag, ...cut });
  });
  const once = open({ retry: { retries: 0 } });
  const onProgress = cutAt(server, 100_000);
  await expect(once.download(`${server.url}/a`, { file, onProgress })).rejects.toThrow('cannot fetch');
  etag = '"2"';
  expect(await once.download(`${server.url}/a`, { file })).toMatchObject({ sha256: digest, resumed: false });

  await rm(file);
  await expect(once.download(`${server.url}/a`, { file, onProgress })).rejects.toThrow('cannot fetch');
  expect(await once.download(`${server.url}/b`, { file })).toMatchObject({ sha256: digest, resumed: false });
  expect(ranges).toEqual([undefined, 'bytes=100000-', undefined, undefined]);
});

test('a partial file that is too long is downloaded again', async () => {
  const server = await serve((request, response) => {
    if (request.headers.range !== undefined) response.writeHead(416).end();
    else
      sendFile(request, response, {
        content,
        etag: '"1"',
        ...(server.requests.length === 1 ? { stallAfter: 10 } : {}),
      });
  });
  expect(await open().download(`${server.url}/a`, { file, onProgress: cutAt(server, 10) })).toMatchObject({
    sha256: digest,
    size: content.length,
  });
});

test.each([408, 429, 500, 502, 503, 504])('status %i is retried', async (status) => {
  const server = await serve((request, response) => {
    if (server.requests.length < 3) response.writeHead(status).end('busy');
    else sendFile(request, response, { content });
  });
  expect(await open().download(`${server.url}/a`, { file })).toMatchObject({ sha256: digest });
  expect(server.requests).toHaveLength(3);
});

test.each([400, 401, 403, 404, 410])('status %i is not', async (status) => {
  const server = await serve((_, response) => response.writeHead(status).end());
  await expect(open().download(`${server.url}/a`, { file })).rejects.toMatchObject({
    facts: { code: 'KSB_HTTP_FAILED', exitCode: 1, why: expect.stringContaining(String(status)) },
  });
  expect(server.requests).toHaveLength(1);
  expect(await readdir(directory)).toEqual([]);
});

test('Retry-After is honoured, unless it is too long', async () => {
  let header = '1';
  const server = await serve((request, response) => {
    if (server.requests.length % 2 === 1) response.writeHead(503, { 'retry-after': header }).end();
    else sendFile(request, response, { content });
  });
  const delays: number[] = [];
  const onRetry = (_: string, delay: number) => delays.push(delay);
  const begin = performance.now();
  await open().download(`${server.url}/a`, { file, onRetry });
  expect(performance.now() - begin).toBeGreaterThan(950);
  expect(delays).toEqual([1000]);
  header = '86400';
  await expect(open().download(`${server.url}/a`, { file, onRetry })).rejects.toThrow('cannot fetch');
  expect(delays).toHaveLength(1);
});

test('a server that stalls or never answers is given up', async () => {
  const timeouts = { headers: 100, idle: 100 };
  const silent = await serve(() => undefined);
  const client = open({ timeouts, retry: { retries: 1 } });
  await expect(client.download(`${silent.url}/a`, { file })).rejects.toMatchObject({
    facts: { why: 'no answer in time' },
  });
  expect(silent.requests).toHaveLength(2);
  const stalling = await serve((request, response) =>
    sendFile(request, response, { content, stallAfter: 10 }),
  );
  await expect(client.download(`${stalling.url}/a`, { file })).rejects.toMatchObject({
    facts: { why: 'the transfer stalled' },
  });
}, 20_000);

test('a server that refuses connections is tried once for all its files', async () => {
  const server = await serve(() => undefined);
  await server.close();
  const client = open();
  const retries: string[] = [];
  const onRetry = (why: string) => retries.push(why);
  for (const name of ['a', 'b']) {
    await expect(client.download(`${server.url}/${name}`, { file, onRetry })).rejects.toMatchObject({
      facts: {
        message: `cannot fetch ${server.url}/${name}`,
        why: expect.stringContaining('refused the connection'),
      },
    });
  }
  expect(retries).toEqual([]);
});

test('redirects are followed, with credentials only for their own server', async () => {
  const seen: (string | undefined)[] = [];
  const other = await serve((request, response) => {
    seen.push(request.headers.authorization);
    sendFile(request, response, { content });
  });
  const server = await serve((request, response) => {
    seen.push(request.headers.authorization);
    const location = request.url === '/a' ? '/b' : `${other.url}/c`;
    response.writeHead(request.url === '/a' ? 301 : 307, { location }).end('moved');
  });
  const url = `${server.url.replace('//', '//user:se%20cret@')}/a`;
  expect(await open().download(url, { file })).toMatchObject({ sha256: digest });
  const basic = `Basic ${Buffer.from('user:se cret').toString('base64')}`;
  expect(seen).toEqual([basic, basic, undefined]);
});

test.each([
  ['/a', /more than 10 redirects/],
  ['file:///etc/passwd', /not safe/],
  ['http://[', /without a target/],
])('a redirect to %s is an error', async (location, why) => {
  const server = await serve((_, response) => response.writeHead(302, { location }).end());
  await expect(open().download(`${server.url}/a`, { file })).rejects.toMatchObject({
    facts: { why: expect.stringMatching(why) },
  });
});

test('no message shows a credential', async () => {
  const server = await serve((_, response) => response.writeHead(403).end());
  const url = `${server.url.replace('//', '//user:secret@')}/a?token=hidden`;
  const error: unknown = await open()
    .download(url, { file })
    .catch((reason: unknown) => reason);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/secret|hidden/);
  expect(error).toMatchObject({
    facts: { message: `cannot fetch ${server.url.replace('//', '//***@')}/a?token=***` },
  });
});

test('an address other than http is an error, not a bug', async () => {
  for (const url of ['ftp://example.org/a', 'nonsense']) {
    await expect(open().download(url, { file })).rejects.toMatchObject({
      facts: { code: 'KSB_HTTP_FAILED' },
    });
  }
});

test('a page is returned with its type and its address after redirects', async () => {
  const server = await serve((request, response) => {
    if (request.url === '/a') response.writeHead(301, { location: '/b/' }).end();
    else
      response
        .writeHead(200, { 'content-type': 'Text/HTML; charset=utf-8' })
        .end(`für ${request.headers.accept}`);
  });
  expect(await open().getText(`${server.url}/a`, { headers: { accept: 'x/y' } })).toEqual({
    text: 'für x/y',
    mediaType: 'text/html',
    url: `${server.url}/b/`,
  });
});

test('a directory in place of the file is reported as such', async () => {
  const server = await serve((request, response) => sendFile(request, response, { content }));
  await writeFile(path.join(directory, 'f'), '');
  await expect(
    open().download(`${server.url}/a`, { file: path.join(directory, 'f', 'g') }),
  ).rejects.toMatchObject({
    code: 'ENOTDIR',
  });
});
