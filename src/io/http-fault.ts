import { redactUrl } from '../domain/url.ts';

interface FaultFacts {
  readonly why: string;
  /** Another try may succeed. */
  readonly transient: boolean;
  /** The server is unreachable, so its other files need not be tried. */
  readonly unreachable?: boolean;
  /** Milliseconds to wait, as the server requests. */
  readonly wait?: number | undefined;
  /** What is wrong with the file, while the server works. */
  readonly file?: FileFault;
}

/** A file that a server does not have, or that is larger than it may be. */
export type FileFault = 'absent' | 'too-large';

/** Why one try of a transfer failed. */
export class HttpFault extends Error {
  readonly facts: FaultFacts;

  constructor(facts: FaultFacts, cause?: unknown) {
    super(facts.why, cause === undefined ? undefined : { cause });
    this.name = 'HttpFault';
    this.facts = facts;
  }
}

/** What is wrong with the file that `HttpClient` failed to transfer; undefined if the transfer failed. */
export function fileFaultOf(error: unknown): FileFault | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof HttpFault ? cause.facts.file : undefined;
}

/** The fault of a file or a page that exceeds its limit in bytes. */
export function tooLarge(most: number): HttpFault {
  return new HttpFault({ why: `it is larger than ${most} bytes`, transient: false, file: 'too-large' });
}

/** Destination of the failed connection, and its proxy. */
interface Ends {
  readonly url: URL;
  readonly proxy: URL | undefined;
}

/** Code of the failure to open a tunnel because the proxy ended the connection. */
export const TUNNEL_CUT = 'KSB_TUNNEL_CUT';

/** Connection faults by codes of Node and undici: a description, and whether another try may succeed. */
const CONNECTION_FAULTS: Readonly<
  Record<string, { readonly why: (peer: string) => string; readonly transient: boolean }>
> = {
  ENOTFOUND: { why: (peer) => `the name of ${peer} is unknown`, transient: false },
  EAI_AGAIN: { why: (peer) => `the name of ${peer} cannot be resolved at the moment`, transient: true },
  ECONNREFUSED: { why: (peer) => `${peer} refused the connection`, transient: false },
  ENETUNREACH: { why: (peer) => `the network of ${peer} is unreachable`, transient: false },
  EHOSTUNREACH: { why: (peer) => `there is no route to ${peer}`, transient: false },
  [TUNNEL_CUT]: { why: (peer) => `${peer} closed the connection`, transient: true },
  ETIMEDOUT: { why: (peer) => `${peer} does not answer`, transient: false },
  UND_ERR_CONNECT_TIMEOUT: { why: (peer) => `${peer} does not answer`, transient: false },
};

const TRANSFER_FAULTS: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'the transfer stalled',
  UND_ERR_SOCKET: 'the connection was interrupted',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the connection was interrupted',
  UND_ERR_ABORTED: 'the connection was interrupted',
  ECONNRESET: 'the connection was interrupted',
  EPIPE: 'the connection was interrupted',
};

/** Describes why a request failed without an answer. */
export function faultOfError(error: unknown, ends: Ends): HttpFault {
  if (error instanceof HttpFault) return error;
  const chain = causesOf(error);
  const refusal = chain
    .map((cause) => /^Proxy response \((\d+)\)/.exec(cause.message)?.[1])
    .find((status) => status !== undefined);
  if (refusal !== undefined && ends.proxy !== undefined) return proxyRefusal(Number(refusal), ends.proxy);

  const peer = ends.proxy === undefined ? ends.url.host : `the proxy ${nameOf(ends.proxy)}`;
  for (const cause of chain) {
    const code = 'code' in cause ? String(cause.code) : '';
    const connection = CONNECTION_FAULTS[code];
    if (connection !== undefined) {
      return new HttpFault(
        { why: connection.why(peer), transient: connection.transient, unreachable: true },
        error,
      );
    }
    const transfer = TRANSFER_FAULTS[code];
    if (transfer !== undefined) return new HttpFault({ why: transfer, transient: true }, error);
    if (/CERT|TLS|SSL|SELF_SIGNED|UNABLE_TO_|DEPTH_ZERO/.test(code)) return certificateFault(cause, peer);
  }
  const last = chain.at(-1);
  return new HttpFault({ why: redactUrl(last?.message ?? String(error)), transient: true }, error);
}

/** The fault for a status other than success; undefined for success. */
export function faultOfStatus(
  status: number,
  ends: Ends,
  retryAfter: string | undefined,
): HttpFault | undefined {
  if (status >= 200 && status < 300) return undefined;
  if (status === 407 && ends.proxy !== undefined) return proxyRefusal(status, ends.proxy);
  if (status === 404 || status === 410)
    return new HttpFault({ why: `not found (status ${status})`, transient: false, file: 'absent' });
  const transient = status === 408 || status === 429 || status >= 500;
  const through = ends.proxy === undefined ? '' : ` through the proxy ${nameOf(ends.proxy)}`;
  const why = `${ends.url.host} answered with status ${status}${through}`;
  return new HttpFault({ why, transient, wait: transient ? parseRetryAfter(retryAfter) : undefined });
}

function proxyRefusal(status: number, proxy: URL): HttpFault {
  const why =
    status === 407
      ? `the proxy ${nameOf(proxy)} requires a user name and a password (status 407)`
      : `the proxy ${nameOf(proxy)} refused the connection (status ${status})`;
  return new HttpFault({ why, transient: status >= 500, unreachable: true });
}

function certificateFault(error: Error, peer: string): HttpFault {
  const why = `the TLS connection to ${peer} failed: ${error.message}; if your network has its own certificate authority, set NODE_EXTRA_CA_CERTS`;
  return new HttpFault({ why, transient: false, unreachable: true }, error);
}

function nameOf(proxy: URL): string {
  return redactUrl(proxy.href).replace(/\/$/, '');
}

/** The error, its causes and the errors an `AggregateError` holds, outermost first. */
function causesOf(error: unknown): Error[] {
  if (!(error instanceof Error)) return [];
  const inner = error instanceof AggregateError ? error.errors : [];
  return [error, ...inner.flatMap(causesOf), ...causesOf(error.cause)];
}

/** Milliseconds of a Retry-After header, which holds seconds or a date (RFC 9110, section 10.2.3). */
function parseRetryAfter(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}
