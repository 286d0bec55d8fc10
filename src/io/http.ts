import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Sha256 } from '../domain/digest.ts';
import { redactUrl } from '../domain/url.ts';
import { explainDiskFull } from './disk.ts';
import { fileFaultOf, HttpFault, tooLarge } from './http-fault.ts';
import { openSender, type HttpTimeouts, type Request, type Response, type Sender } from './http-request.ts';
import { forgetPartial, notePartial, readPartial, removePartial, writeFrom } from './partial-file.ts';
import { withRetries, type RetryPolicy } from './retry.ts';

export interface HttpOptions {
  /** Source of the proxy variables. */
  readonly environment?: NodeJS.ProcessEnv;
  readonly timeouts?: Partial<HttpTimeouts>;
  readonly retry?: Partial<RetryPolicy>;
}

interface TransferOptions {
  /** Limit for the size in bytes; by default 64 MiB for text, and none for files. */
  readonly most?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called before each repetition; `delay` in milliseconds. */
  readonly onRetry?: (why: string, delay: number) => void;
}

export interface TextOptions extends TransferOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

export interface DownloadOptions extends TransferOptions {
  /** Target file; an interrupted download of the same URL there is resumed. */
  readonly file: string;
  /** Received bytes and, if known, their total. */
  readonly onProgress?: (done: number, total?: number) => void;
}

export interface Text {
  readonly text: string;
  /** Media type without parameters, in lower case; empty if the server gave none. */
  readonly mediaType: string;
  /** The address after redirects, which relative links in the text refer to. */
  readonly url: string;
}

export interface Downloaded {
  readonly sha256: Sha256;
  /** Bytes. */
  readonly size: number;
  /** Whether it contains bytes of an earlier run. */
  readonly resumed: boolean;
}

/**
 * HTTP with time-outs, retries with back-off, and the environment's proxy. Every method throws `KSB_HTTP_FAILED`, with
 * URLs redacted; an unreachable server is not tried again.
 */
export interface HttpClient {
  getText(url: string, options?: TextOptions): Promise<Text>;
  /** Requests a file and reads only the start of it; resolves if the server has it. */
  reach(url: string, options?: TransferOptions): Promise<void>;
  /**
   * Downloads to a file. Keeps the file of an interrupted download, with a note beside it, for the next call to resume.
   * Also throws `KSB_DISK_FULL`, and for a file larger than `most`, after removing the file.
   */
  download(url: string, options: DownloadOptions): Promise<Downloaded>;
  close(): Promise<void>;
}

const TIMEOUTS: HttpTimeouts = { connect: 15_000, headers: 60_000, idle: 60_000 };
const RETRY: RetryPolicy = { retries: 4, delay: 500 };
/** Bytes; an index page is far smaller. */
const LONGEST_TEXT = 1 << 26;

/** Creates a client; connects at the first request. */
export function createHttpClient(options: HttpOptions = {}): HttpClient {
  const policy = { ...RETRY, ...options.retry };
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const unreachable = new Map<string, HttpFault>();
  let sender: Promise<Sender> | undefined;
  const send = async (request: Request): Promise<Response> => {
    sender ??= openSender(options.environment ?? process.env, timeouts);
    return (await sender).send(request);
  };

  /** Repeats `attempt` and turns its last fault into an error for the user. */
  const transfer = async <T>(
    url: string,
    attempt: (parsed: URL) => Promise<T>,
    retrying: TransferOptions & { readonly gotFurther?: () => boolean },
  ): Promise<T> => {
    const parsed = parseUrl(url);
    try {
      const known = unreachable.get(parsed.origin);
      if (known !== undefined) throw known;
      return await withRetries(() => attempt(parsed), { ...retrying, policy });
    } catch (error) {
      if (!(error instanceof HttpFault)) throw error;
      if (error.facts.unreachable === true) unreachable.set(parsed.origin, error);
      throw httpFailed(url, error.facts.why, error);
    }
  };

  return {
    getText(url, { headers = {}, ...rest } = {}) {
      return transfer(
        url,
        async (parsed) => readText(await send({ url: parsed, headers, signal: rest.signal }), rest.most),
        rest,
      );
    },
    reach(url, reaching = {}) {
      const attempt = async (parsed: URL): Promise<void> => {
        await (await sendPlainly(send, { url: parsed, signal: reaching.signal })).discard();
      };
      return transfer(url, attempt, reaching);
    },
    async download(url, { file, onProgress, most = Infinity, ...rest }) {
      let furthest = 0;
      let reached = 0;
      let resumed = false;
      const attempt = async (parsed: URL): Promise<Downloaded> => {
        const part = await readPartial(file, parsed);
        const { response, offset } = await requestFrom(send, part, { url: parsed, signal: rest.signal });
        if (reached === 0) resumed = offset > 0;
        await notePartial(file, parsed, validatorOf(response));
        const length = Number(response.header('content-length') ?? Number.NaN);
        const total = Number.isNaN(length) ? undefined : offset + length;
        const written = await writeFrom(file, response.body, {
          offset,
          onSize: (size) => {
            if (size > most) throw tooLarge(most);
            reached = size;
            onProgress?.(size, total);
          },
        });
        await forgetPartial(file);
        return { ...written, resumed };
      };
      const gotFurther = (): boolean => {
        const further = reached > furthest;
        furthest = Math.max(furthest, reached);
        return further;
      };
      try {
        return await transfer(url, attempt, { ...rest, gotFurther });
      } catch (error) {
        const explained = explainDiskFull(error, file);
        if (explained !== error || fileFaultOf(error) === 'too-large') await removePartial(file);
        throw explained;
      }
    },
    async close() {
      await (await sender)?.close();
    },
  };
}

/** Requests the bytes missing in `part`; the server may send all, and does if its version differs. */
async function requestFrom(
  send: Sender['send'],
  part: { readonly size: number; readonly validator: string } | undefined,
  request: Request,
): Promise<{ readonly response: Response; readonly offset: number }> {
  if (part === undefined) return { response: await sendPlainly(send, request), offset: 0 };
  const response = await send({
    ...request,
    headers: { range: `bytes=${part.size}-`, 'if-range': part.validator },
  });
  if (response.status === 200) return { response, offset: 0 };
  const start = /^bytes (\d+)-/.exec(response.header('content-range') ?? '')?.[1];
  if (response.status === 206 && Number(start) === part.size) return { response, offset: part.size };
  await response.discard();
  return { response: await sendPlainly(send, request), offset: 0 };
}

async function sendPlainly(send: Sender['send'], request: Request): Promise<Response> {
  const response = await send(request);
  if (response.status === 200) return response;
  await response.discard();
  throw new HttpFault({
    why: `${request.url.host} answered with status ${response.status}`,
    transient: false,
  });
}

/** A value for If-Range: a strong ETag, otherwise the date (RFC 9110, section 13.1.5). */
function validatorOf(response: Response): string | undefined {
  const etag = response.header('etag');
  return etag !== undefined && !etag.startsWith('W/') ? etag : response.header('last-modified');
}

async function readText(response: Response, most = LONGEST_TEXT): Promise<Text> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > most) throw tooLarge(most);
    chunks.push(chunk);
  }
  const mediaType = (response.header('content-type') ?? '').split(';')[0] ?? '';
  return {
    text: Buffer.concat(chunks).toString('utf8'),
    mediaType: mediaType.trim().toLowerCase(),
    url: response.url.href,
  };
}

function parseUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return parsed;
  throw httpFailed(url, 'it is not an http or https address');
}

function httpFailed(url: string, why: string, cause?: unknown): KsbundleError {
  return new KsbundleError({
    code: 'KSB_HTTP_FAILED',
    exitCode: ExitCode.failed,
    message: `cannot fetch ${redactUrl(url)}`,
    why,
    ...(cause === undefined ? {} : { cause }),
  });
}
