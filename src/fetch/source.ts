import type { Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { asTask } from '../domain/events.ts';
import type { WheelFile } from '../domain/lock.ts';
import type { Archive, Source } from '../domain/recipe.ts';
import { redactUrl } from '../domain/url.ts';
import { remedyFor } from './causes.ts';
import { candidatesOf } from './candidates.ts';
import type { FetchContext } from './context.ts';
import { obtain, type Obtaining } from './obtain.ts';

/** An archive in the store. */
export interface FetchedArchive {
  /** Absolute path in the store. */
  readonly path: string;
  readonly sha256: Sha256;
  /** Bytes. */
  readonly size: number;
  /** File name of the archive; the path in the store does not contain it. */
  readonly file: string;
  readonly archive: Archive;
  /** Where it came from, without credentials; `store` if the store already had it. */
  readonly from: string;
}

/** Milliseconds between progress reports. */
const REPORT_INTERVAL = 100;

/**
 * Brings one archive of a source into the store and verifies it. Throws `KSB_FETCH_FAILED` with every place tried,
 * `KSB_OFFLINE`, `KSB_DIGEST_MISMATCH` as soon as a place has other bytes, `KSB_DISK_FULL`, or the signal's
 * reason.
 */
export async function fetchSource(source: Source, context: FetchContext): Promise<FetchedArchive> {
  const file = nameOf(source);
  const { parent } = context;
  const task = {
    task: `fetch:${file}`,
    title: `Fetching ${file}`,
    ...(parent === undefined ? {} : { parent }),
  };
  return asTask(context, task, async () => {
    const stored = await findStored(source, context);
    if (stored !== undefined) return { outcome: 'reused', value: stored };
    return { outcome: 'done', value: await fetchMissing(source, context) };
  });
}

/** A wheel as a source of one archive on the Python index. */
export function wheelSource({ name, file, sha256 }: WheelFile): Source {
  return {
    into: '.',
    strip: 0,
    archives: [{ sha256, file, urls: [{ kind: 'python', project: name, file }] }],
  };
}

async function findStored(source: Source, { store }: FetchContext): Promise<FetchedArchive | undefined> {
  for (const archive of source.archives) {
    const content = await store.findVerified(archive.sha256);
    if (content !== undefined) return { ...content, file: archive.file, archive, from: 'store' };
  }
  return undefined;
}

async function fetchMissing(source: Source, context: FetchContext): Promise<FetchedArchive> {
  const obtaining: Obtaining = { source, context, ...reportTo(context, `fetch:${nameOf(source)}`) };
  const failures = new Map<string, string>();
  for await (const candidate of candidatesOf(source, context)) {
    context.signal?.throwIfAborted();
    const obtained = await obtain(candidate, obtaining);
    if ('content' in obtained) {
      const { content, archive } = obtained;
      const from =
        candidate.kind === 'file' ? candidate.path : candidate.kind === 'url' ? redactUrl(candidate.url) : '';
      return { ...content, file: archive.file, archive, from };
    }
    failures.set(obtained.where, obtained.why);
  }
  throw notFetched(nameOf(source), { failures, offline: context.network === undefined });
}

/** Reports progress as that of a task. */
export function reportTo(
  { emit }: Pick<FetchContext, 'emit'>,
  task: string,
): Pick<Obtaining, 'onProgress' | 'onRetry'> {
  let last = 0;
  return {
    onProgress(done, total) {
      const now = performance.now();
      if (done !== total && now - last < REPORT_INTERVAL) return;
      last = now;
      emit({ type: 'task-progress', task, done, ...(total === undefined ? {} : { total }), unit: 'bytes' });
    },
    onRetry(why, delay) {
      emit({ type: 'task-output', task, line: `${why}; next try in ${(delay / 1000).toFixed(1)} s` });
    },
  };
}

export interface Failures {
  /** Why, by place. */
  readonly failures: ReadonlyMap<string, string>;
  readonly offline: boolean;
}

export function notFetched(file: string, { failures, offline }: Failures): KsbundleError {
  return new KsbundleError({
    code: offline ? 'KSB_OFFLINE' : 'KSB_FETCH_FAILED',
    exitCode: ExitCode.failed,
    message: offline ? `${file} is not in the store, and cannot be fetched offline` : `cannot fetch ${file}`,
    details: [...failures].map(([where, why]) => `${where}: ${why}`),
    hint: offline
      ? 'fetch it once without --offline, or build from a mirror: run `ksbundle mirror DIR` on a machine with a network, then build with `--mirror DIR`'
      : remedyFor([...failures.values()]),
  });
}

export function nameOf(source: Source): string {
  return source.archives[0]?.file ?? 'a source without archives';
}
