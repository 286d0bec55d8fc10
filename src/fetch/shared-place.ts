import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { isErrnoException, KsbundleError } from '../domain/errors.ts';
import type { Emit } from '../domain/events.ts';
import type { Archive } from '../domain/recipe.ts';
import {
  artifactPath,
  envelopePath,
  LARGEST_ENVELOPE,
  type SharedRecord,
} from '../domain/shared-artifact.ts';
import type { Store } from '../domain/store.ts';
import { readGzipMembers } from '../io/archive.ts';
import type { HttpClient } from '../io/http.ts';
import { fileFaultOf } from '../io/http-fault.ts';
import { ifThere } from '../io/if-there.ts';
import type { FetchContext, Network } from './context.ts';
import type { Mirror } from './mirrors.ts';
import { obtain, type Obtained } from './obtain.ts';
import { reportTo } from './source.ts';

/** What reading a shared cache depends on. */
export interface Reach {
  readonly store: Store;
  /** Undefined if no socket may be opened: then only directories are used. */
  readonly network: Network | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Why an artifact is not used. */
export class Unproven extends Error {}

/** The text of an envelope, undefined if the cache does not have it; or why the cache cannot be read. */
type FoundEnvelope = { readonly text: string | undefined } | { readonly fault: string };

/** Reads the envelope of the record with a build key. Anything else than an envelope gives an empty text, which proves nothing. */
export async function readEnvelope(
  place: Mirror,
  key: Sha256,
  { network, signal }: Reach,
): Promise<FoundEnvelope> {
  if (place.kind === 'directory') return readEnvelopeFile(place.path, key);
  try {
    const url = place.url + envelopePath(key);
    const { text } = await httpOf(network).getText(url, { signal, most: LARGEST_ENVELOPE });
    return { text };
  } catch (error) {
    if (!(error instanceof KsbundleError) || error.facts.code !== 'KSB_HTTP_FAILED') throw error;
    const fault = fileFaultOf(error);
    if (fault === undefined) return { fault: error.facts.why ?? error.message };
    return { text: fault === 'absent' ? undefined : '' };
  }
}

async function readEnvelopeFile(directory: string, key: Sha256): Promise<FoundEnvelope> {
  const file = path.join(directory, envelopePath(key));
  const records = path.dirname(file);
  try {
    const status = await ifThere(stat(file));
    if (status === undefined) {
      await stat(records);
      return { text: undefined };
    }
    // Neither a directory nor a file that is too large for an envelope proves anything.
    return { text: status.isFile() && status.size <= LARGEST_ENVELOPE ? await readFile(file, 'utf8') : '' };
  } catch (error) {
    if (!isErrnoException(error)) throw error;
    return { fault: error.code === 'ENOENT' ? `there is no directory ${records}` : error.message };
  }
}

interface Bringing extends Reach {
  /** The task that reports progress. */
  readonly task: string;
}

/**
 * Brings an artifact into the store as any other file is fetched, except that the store gets what is inside: the file is
 * unpacked when its digest is that of the record, and refused if the content has another one. Throws what `obtain` and
 * unpacking throw, and `Unproven`.
 */
export async function bringArtifact(
  place: Mirror,
  record: SharedRecord,
  bringing: Bringing,
): Promise<Obtained> {
  const { store, emit, signal, network, task } = bringing;
  const { file, artifact } = record;
  const archive: Archive = { sha256: file.sha256, file: path.basename(artifactPath(file.sha256)), urls: [] };
  const context: FetchContext = {
    store: {
      temporary: store.temporary,
      pathOf: (digest) => store.pathOf(digest),
      findVerified: () => store.findVerified(artifact),
      adopt: async (compressed) => {
        try {
          return await store.add(contentOf(compressed, record), artifact);
        } finally {
          await rm(compressed, { force: true });
        }
      },
    },
    mirrors: [],
    network,
    emit,
    signal,
  };
  const source = { into: '.', strip: 0, archives: [archive] };
  const name = artifactPath(file.sha256);
  return obtain(
    place.kind === 'url'
      ? { kind: 'url', archive, url: place.url + name }
      : { kind: 'file', archive, path: path.join(place.path, name) },
    { source, context, most: file.size, ...reportTo({ emit }, task) },
  );
}

/** The tar in a compressed artifact; stops as soon as it is larger than its record says. */
async function* contentOf(compressed: string, { size, component }: SharedRecord): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of readGzipMembers(compressed, `the artifact of ${component}`)) {
    bytes += chunk.length;
    if (bytes > size) throw new Unproven(`it is larger than the ${size} bytes of its record`);
    yield chunk;
  }
}

function httpOf(network: Network | undefined): HttpClient {
  if (network === undefined) throw new TypeError('a URL without a network');
  return network.http;
}
