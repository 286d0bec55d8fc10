import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface TestServer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** `METHOD target` of each request, in order. */
  readonly requests: string[];
  /** Cuts all connections. */
  readonly cut: () => void;
  /** Stops it early. */
  readonly close: () => Promise<void>;
}

/** A real HTTP server on loopback, until the test ends. */
export async function serve(listener: RequestListener): Promise<TestServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    listener(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  onTestFinished(close);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    cut: () => server.closeAllConnections(),
    close,
  };
}

export interface FileOptions {
  readonly etag?: string;
  /** Stalls forever after this many bytes of the body. */
  readonly stallAfter?: number;
}

/** Answers with a file's bytes, with Range and If-Range as in RFC 9110. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { content, etag, stallAfter }: FileOptions & { readonly content: Buffer },
): void {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const validator = request.headers['if-range'];
  const start = range !== undefined && (validator === undefined || validator === etag) ? Number(range) : 0;
  const body = content.subarray(start);
  response.writeHead(start > 0 ? 206 : 200, {
    'content-length': body.length,
    ...(etag === undefined ? {} : { etag }),
    ...(start > 0 ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {}),
  });
  if (stallAfter === undefined) response.end(body);
  else response.write(body.subarray(0, stallAfter));
}

/** A listener that serves files by their path; anything else is 404. */
export function files(contents: Readonly<Record<string, string | Buffer>>): RequestListener {
  return (request, response) => {
    const content = contents[decodeURIComponent(request.url ?? '')];
    if (content === undefined) response.writeHead(404).end();
    else sendFile(request, response, { content: Buffer.from(content) });
  };
}
