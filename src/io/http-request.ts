import type { buildConnector, Dispatcher, Pool } from 'undici';
import { redactUrl } from '../domain/url.ts';
import { faultOfError, faultOfStatus, HttpFault, TUNNEL_CUT } from './http-fault.ts';
import { proxyFor } from './proxy.ts';

export interface HttpTimeouts {
  /** Milliseconds to establish a connection. */
  readonly connect: number;
  /** Milliseconds until the response's headers arrive. */
  readonly headers: number;
  /** Milliseconds that a transfer may stall. */
  readonly idle: number;
}

export interface Request {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export interface Response {
  /** A success, or 416. */
  readonly status: number;
  /** The final URL after redirects. */
  readonly url: URL;
  header(name: string): string | undefined;
  /** The bytes as sent; throws `HttpFault`. Must be read completely or discarded. */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

export interface Sender {
  /** Sends a GET request and follows redirects. Throws `HttpFault`, and the signal's reason. */
  send(request: Request): Promise<Response>;
  close(): Promise<void>;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const MAXIMAL_REDIRECTS = 10;
/**
 * Bytes that are received before they are read; far more than any source has. Undici 7 ends the process with an assertion
 * if it pauses for a slow reader and the server has closed the connection, as servers of HTTP/1.0 do.
 */
const BUFFER = 1 << 28;

/**
 * Opens connections as the proxy variables in `environment` require. Loads undici, which Node's fetch hides, lazily.
 */
export async function openSender(environment: NodeJS.ProcessEnv, timeouts: HttpTimeouts): Promise<Sender> {
  const undici = await import('undici');
  const { Agent, ProxyAgent, request: dispatch } = undici;
  const connect = { timeout: timeouts.connect };
  const options = { connect, headersTimeout: timeouts.headers, bodyTimeout: timeouts.idle };
  const direct = new Agent(options);
  const proxied = new Map<string, Dispatcher>();

  const dispatcherFor = (proxy: URL | undefined): Dispatcher => {
    if (proxy === undefined) return direct;
    const known = proxied.get(proxy.href);
    if (known !== undefined) return known;
    // Many proxies allow tunnels only to port 443, so plain HTTP is sent without a tunnel.
    const agent = new ProxyAgent({
      ...options,
      uri: proxy.href,
      proxyTunnel: false,
      proxyTls: connect,
      requestTls: connect,
      factory: (origin, pool) => openTunnelPool(undici, origin, pool),
    });
    proxied.set(proxy.href, agent);
    return agent;
  };

  const sendOnce = async ({ url, headers, signal }: Request): Promise<Response> => {
    const proxy = proxyFor(url, environment);
    const ends = { url, proxy };
    const explain = (error: unknown): unknown => {
      signal?.throwIfAborted();
      return faultOfError(error, ends);
    };
    let answer: Dispatcher.ResponseData;
    try {
      answer = await dispatch(withoutCredentials(url), {
        dispatcher: dispatcherFor(proxy),
        headers: {
          'user-agent': 'ksbundle',
          'accept-encoding': 'identity',
          ...authorization(url),
          ...headers,
        },
        headersTimeout: timeouts.headers,
        bodyTimeout: timeouts.idle,
        highWaterMark: BUFFER,
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw explain(error);
    }
    const header = (name: string): string | undefined => {
      const value = answer.headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    const discard = async (): Promise<void> => {
      await answer.body.dump().catch(() => undefined);
    };
    const fault =
      REDIRECTS.has(answer.statusCode) || answer.statusCode === 416
        ? undefined
        : faultOfStatus(answer.statusCode, ends, header('retry-after'));
    if (fault !== undefined) {
      await discard();
      throw fault;
    }
    return { status: answer.statusCode, url, header, body: guard(answer.body, explain), discard };
  };

  return {
    async send(request) {
      let current = request;
      for (let hops = 0; hops <= MAXIMAL_REDIRECTS; hops++) {
        const response = await sendOnce(current);
        if (!REDIRECTS.has(response.status)) return response;
        await response.discard();
        current = redirected(current, response.header('location'));
      }
      throw new HttpFault({ why: `more than ${MAXIMAL_REDIRECTS} redirects`, transient: false });
    },
    async close() {
      await Promise.all([direct, ...proxied.values()].map((agent) => agent.destroy()));
    },
  };
}

/**
 * A pool of connections through tunnels. Undici considers a tunnel that the proxy closed a transient error, and
 * reconnects at once and endlessly (`onError` in its client.js); with another code it is an ordinary failure.
 */
function openTunnelPool(
  undici: { readonly Pool: typeof Pool },
  origin: string | URL,
  options: object,
): Dispatcher {
  const { connect } = options as { readonly connect: buildConnector.connector };
  return new undici.Pool(origin, {
    ...options,
    connect: (facts, callback) =>
      connect(facts, (...[error, socket]) => {
        if (error === null) callback(null, socket);
        else callback(Object.assign(new Error(error.message, { cause: error }), codeOf(error)), null);
      }),
  });
}

function codeOf(error: Error): { readonly code?: string } {
  if (!('code' in error)) return {};
  return { code: error.code === 'UND_ERR_SOCKET' ? TUNNEL_CUT : String(error.code) };
}

function redirected(request: Request, location: string | undefined): Request {
  if (location === undefined || !URL.canParse(location, request.url.href)) {
    throw new HttpFault({ why: 'redirected without a target', transient: false });
  }
  const url = new URL(location, request.url);
  const allowed = request.url.protocol === 'https:' ? ['https:'] : ['http:', 'https:'];
  if (!allowed.includes(url.protocol)) {
    throw new HttpFault({ why: `redirected to ${redactUrl(url.href)}, which is not safe`, transient: false });
  }
  // Sends credentials only to the server that they are for.
  if (url.origin === request.url.origin && url.username === '') {
    url.username = request.url.username;
    url.password = request.url.password;
  }
  return { ...request, url };
}

async function* guard(
  body: AsyncIterable<Uint8Array>,
  explain: (error: unknown) => unknown,
): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw explain(error);
  }
}

function withoutCredentials(url: URL): URL {
  const bare = new URL(url);
  bare.username = '';
  bare.password = '';
  return bare;
}

function authorization(url: URL): Record<string, string> {
  if (url.username === '' && url.password === '') return {};
  const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}
