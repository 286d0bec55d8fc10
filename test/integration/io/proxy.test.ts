import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createHttpClient } from '../../../src/io/http.ts';
import { run } from '../../../src/io/process.ts';
import { compile } from '../../support/compile.ts';
import { files, serve, type TestServer } from '../../support/http-server.ts';
import { startProxy } from '../../support/proxy-server.ts';

let directory: string;
let server: TestServer;

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'ksbundle-proxy-'));
  server = await serve(files({ '/a': 'content' }));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

function download(url: string, environment: Record<string, string>) {
  const client = createHttpClient({ environment, retry: { delay: 1, retries: 1 } });
  onTestFinished(() => client.close());
  return client.download(url, { file: path.join(directory, 'file') });
}

async function proxy(refuse?: number) {
  const started = await startProxy(refuse);
  onTestFinished(() => started.close());
  return started;
}

test('plain HTTP goes through the proxy as such, with its credentials', async () => {
  const { url, requests, authorizations } = await proxy();
  const http_proxy = url.replace('//', '//user:pass@');
  expect(await download(`${server.url}/a`, { http_proxy })).toMatchObject({ size: 7 });
  expect(requests).toEqual([`GET ${server.url}/a`]);
  expect(authorizations).toEqual([`Basic ${Buffer.from('user:pass').toString('base64')}`]);
  expect(server.requests).toEqual(['GET /a']);
});

test('a host in NO_PROXY is reached directly', async () => {
  const { url, requests } = await proxy(403);
  expect(await download(`${server.url}/a`, { HTTP_PROXY: url, NO_PROXY: '127.0.0.1' })).toMatchObject({
    size: 7,
  });
  expect(requests).toEqual([]);
});

test.each([
  [403, /refused the connection \(status 403\)/],
  [407, /requires a user name and a password/],
])('a proxy that refuses tunnels with %i is named, without its password', async (status, why) => {
  const { url, requests } = await proxy(status);
  const HTTPS_PROXY = url.replace('//', '//user:secret@');
  await expect(download('https://upstream.example/a', { HTTPS_PROXY })).rejects.toMatchObject({
    facts: {
      code: 'KSB_HTTP_FAILED',
      why: expect.stringMatching(why),
      message: 'cannot fetch https://upstream.example/a',
    },
  });
  await expect(download('https://upstream.example/a', { HTTPS_PROXY })).rejects.toMatchObject({
    facts: { why: expect.stringContaining(url.replace('//', '//***@')) },
  });
  expect(new Set(requests)).toEqual(new Set(['CONNECT upstream.example:443']));
});

test('a proxy that refuses plain requests is named', async () => {
  const { url } = await proxy(403);
  await expect(download(`${server.url}/a`, { http_proxy: url })).rejects.toMatchObject({
    facts: { why: expect.stringContaining(`the proxy ${url}`) },
  });
  expect(server.requests).toEqual([]);
});

test('an unreachable proxy is named', async () => {
  const { url, close } = await startProxy();
  await close();
  for (const target of [`${server.url}/a`, 'https://upstream.example/a']) {
    await expect(download(target, { all_proxy: url })).rejects.toMatchObject({
      facts: { why: `the proxy ${url} refused the connection` },
    });
  }
});

test("HTTPS goes through a tunnel; the user's authority is trusted, an unknown one is not", async ({
  skip,
}) => {
  const key = path.join(directory, 'key.pem');
  const certificate = path.join(directory, 'certificate.pem');
  const command =
    'openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1';
  const made = await run([...command.split(' '), '-keyout', key, '-out', certificate]);
  if (made.exitCode !== 0) skip('openssl is needed to make a certificate');

  const options = { key: await readFile(key), cert: await readFile(certificate) };
  const secure = createServer(options, (request, response) => {
    if (request.url === '/a') response.end('secure');
    else response.writeHead(302, { location: `${server.url}/a` }).end();
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  onTestFinished(() => new Promise<void>((resolve) => void secure.close(() => resolve())));
  const address = `127.0.0.1:${(secure.address() as AddressInfo).port}`;
  const { url, requests } = await proxy();

  await expect(download(`https://${address}/a`, { https_proxy: url })).rejects.toMatchObject({
    facts: { why: expect.stringContaining('NODE_EXTRA_CA_CERTS') },
  });

  const compiled = await compile(['io/http.ts']);
  onTestFinished(() => compiled.remove());
  const script = `
    const { createHttpClient } = await import(${JSON.stringify(compiled.urlOf('io/http.ts'))});
    const client = createHttpClient();
    const { size } = await client.download('https://${address}/a', { file: process.argv[1] });
    const downgrade = await client.download('https://${address}/down', { file: process.argv[1] }).catch((error) => error);
    console.log(size, downgrade.facts.why);`;
  const result = await run(
    [process.execPath, '--input-type=module', '-e', script, path.join(directory, 'secure')],
    { environment: { HTTPS_PROXY: url, NODE_EXTRA_CA_CERTS: certificate } },
  );
  expect(result).toMatchObject({ exitCode: 0, stdout: `6 redirected to ${server.url}/a, which is not safe` });
  expect(requests).toEqual([`CONNECT ${address}`, `CONNECT ${address}`]);
  expect(server.requests).toEqual([]);
}, 30_000);
