import { runClient, runMeanwhile } from './client.ts';
import type { Machine } from './machine.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of trusted certificates for https. */
  readonly ca?: string;
  /** Repeated also after the end, until it succeeds. */
  readonly recovers?: boolean;
}

export interface HttpAnswer {
  /** Index of the request. */
  readonly request: number;
  /** Time of sending, in milliseconds of `Date.now()`. */
  readonly start: number;
  readonly milliseconds: number;
  /** Why there was no answer; otherwise status, headers and body are set. */
  readonly fault?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** SHA-256 of the certificate that the server showed, as hexadecimal pairs with colons. */
  readonly fingerprint?: string;
}

const CLIENT = 'http-client.mjs';

/** Sends the requests in parallel in the machine's network, each repeatedly for `seconds`, at least once. */
export async function sendAll(
  machine: Machine,
  requests: readonly HttpRequest[],
  seconds = 0,
): Promise<HttpAnswer[]> {
  return runClient(machine, CLIENT, { requests, seconds });
}

/** Milliseconds between an answer and the next request of `sendMeanwhile`. */
const PAUSE = 50;

/** Sends the request repeatedly during `work`; returns the answers in order, and the result of `work`. */
export async function sendMeanwhile<T>(
  machine: Machine,
  request: HttpRequest,
  work: () => Promise<T>,
): Promise<{ readonly answers: readonly HttpAnswer[]; readonly result: T }> {
  const [answers, result] = await runMeanwhile(
    (until) => runClient<HttpAnswer[]>(machine, CLIENT, { requests: [request], until, pause: PAUSE }),
    () => work(),
  );
  return { answers, result };
}

/** The longest time without an answer of this status, in milliseconds. */
export function longestGap(answers: readonly HttpAnswer[], status: number): number {
  const good = answers.filter((answer) => answer.status === status);
  const gaps = good.slice(1).map(({ start, milliseconds }, index) => {
    const before = good[index];
    return before === undefined ? 0 : start + milliseconds - (before.start + before.milliseconds);
  });
  return Math.max(0, ...gaps);
}

/** Sends one request; throws without an answer. */
export async function send(machine: Machine, request: HttpRequest): Promise<HttpAnswer> {
  const [answer] = await sendAll(machine, [request]);
  if (answer === undefined || answer.fault !== undefined) {
    throw new Error(`${request.method} ${request.url}: ${answer?.fault ?? 'nothing'}`);
  }
  return answer;
}
