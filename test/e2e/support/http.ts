import path from 'node:path';
import type { Machine } from './machine.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of the certificates that an https server is trusted by. */
  readonly ca?: string;
}

export interface HttpAnswer {
  /** Index of the request. */
  readonly request: number;
  readonly milliseconds: number;
  /** Why there was no answer; status, headers and body are there without it. */
  readonly fault?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** SHA-256 of the certificate that the server showed, as hexadecimal pairs with colons. */
  readonly fingerprint?: string;
}

const CLIENT = path.join(import.meta.dirname, 'http-client.mjs');

/** Sends the requests side by side in the machine's network, each again and again for `seconds`, at least once. */
export async function sendAll(
  machine: Machine,
  requests: readonly HttpRequest[],
  seconds = 0,
): Promise<HttpAnswer[]> {
  const sent = await machine.executeInNetwork(
    [process.execPath, CLIENT],
    JSON.stringify({ requests, seconds }),
  );
  if (sent.exitCode !== 0) throw new Error(`the HTTP client failed: ${sent.stderr}`);
  return JSON.parse(sent.stdout) as HttpAnswer[];
}

/** Sends one request; throws if it is not answered. */
export async function send(machine: Machine, request: HttpRequest): Promise<HttpAnswer> {
  const [answer] = await sendAll(machine, [request]);
  if (answer === undefined || answer.fault !== undefined) {
    throw new Error(`${request.method} ${request.url}: ${answer?.fault ?? 'nothing'}`);
  }
  return answer;
}
