import type { Emit } from '../domain/events.ts';
import type { ContentStore } from '../domain/store.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from '../io/http.ts';
import { readDebianMirrors } from './debian.ts';
import { parseMirrors, type Mirror } from './mirrors.ts';
import { readPythonIndexes, type PythonIndexes } from './python-indexes.ts';

/** Access to the network. Reads the host's configuration when it first needs it. */
export interface Network {
  readonly http: HttpClient;
  /** Base addresses of the Debian mirrors that the host is configured with. */
  debianMirrors(): Promise<readonly string[]>;
  pythonIndexes(): Promise<PythonIndexes>;
}

/** Everything that a fetch depends on. */
export interface FetchContext {
  readonly store: Pick<ContentStore, 'temporary' | 'pathOf' | 'findVerified' | 'adopt'>;
  /** Places to try before the URLs of recipes. */
  readonly mirrors: readonly Mirror[];
  /** Undefined if no socket may be opened. */
  readonly network: Network | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  /** The task that contains this fetch, if any. */
  readonly parent?: string;
}

export interface FetchOptions {
  readonly store: FetchContext['store'];
  /** Directories, or `file:`, `http:` or `https:` URLs. */
  readonly mirrors?: readonly string[];
  readonly offline?: boolean;
  readonly emit: Emit;
  readonly signal?: AbortSignal | undefined;
  /** The environment to read proxies and indexes from; the process's own by default. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Root of the file system that holds the host's configuration; `/` by default. */
  readonly hostRoot?: string;
  readonly http?: Omit<HttpOptions, 'environment'>;
}

/** Creates the context of a fetch; throws `KSB_MIRROR_INVALID` if a mirror cannot be used. */
export async function createFetchContext(options: FetchOptions): Promise<FetchContext> {
  const { store, emit, signal, environment = process.env, hostRoot = '/' } = options;
  const mirrors = await parseMirrors(options.mirrors ?? []);
  const network: Network = {
    http: createHttpClient({ ...options.http, environment }),
    debianMirrors: once(() => readDebianMirrors(hostRoot)),
    pythonIndexes: once(() => readPythonIndexes(environment, hostRoot)),
  };
  return { store, mirrors, network: options.offline === true ? undefined : network, emit, signal };
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= work());
}
