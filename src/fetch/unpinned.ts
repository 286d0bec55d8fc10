import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { sha256, type Sha256 } from '../domain/digest.ts';
import { KsbundleError } from '../domain/errors.ts';
import { asTask } from '../domain/events.ts';
import type { ArchiveUrl } from '../domain/recipe.ts';
import type { StoredContent } from '../domain/store.ts';
import { redactUrl } from '../domain/url.ts';
import { writeHashed } from '../io/hashed.ts';
import { candidatesOf, type Candidate } from './candidates.ts';
import type { FetchContext } from './context.ts';
import { notFetched } from './source.ts';

/**
 * Brings an archive without a known digest into the store, from the first place that has it; the caller pins the digest.
 * Throws `KSB_FETCH_FAILED` with every place tried, or `KSB_OFFLINE`.
 */
export async function fetchUnpinned(
  { url, file }: { readonly url: ArchiveUrl; readonly file: string },
  context: FetchContext,
): Promise<StoredContent> {
  const source = { into: '.', strip: 0, archives: [{ sha256: UNKNOWN, file, urls: [url] }] };
  const task = { task: `fetch:${file}`, title: `Fetching ${file}` };
  return asTask(context, task, async () => {
    const failures = new Map<string, string>();
    const temporary = path.join(context.store.temporary, `${randomUUID()}.tmp`);
    try {
      for await (const candidate of candidatesOf(source, context)) {
        context.signal?.throwIfAborted();
        const got = await take(candidate, temporary, context);
        if (typeof got === 'string')
          return { outcome: 'done', value: await context.store.adopt(temporary, got) };
        failures.set(got.where, got.why);
      }
    } finally {
      await rm(temporary, { force: true });
    }
    throw notFetched(file, { failures, offline: context.network === undefined });
  });
}

/** Placeholder: a digest that no content has. */
const UNKNOWN = sha256('0'.repeat(64));

async function take(
  candidate: Candidate,
  file: string,
  { network, signal }: FetchContext,
): Promise<Sha256 | { readonly where: string; readonly why: string }> {
  if (candidate.kind === 'none') return candidate;
  if (candidate.kind === 'file') return writeHashed(file, createReadStream(candidate.path));
  try {
    if (network === undefined) throw new TypeError('download without a network');
    return (await network.http.download(candidate.url, { file, signal })).sha256;
  } catch (error) {
    if (!(error instanceof KsbundleError) || error.facts.code !== 'KSB_HTTP_FAILED') throw error;
    await rm(file, { force: true });
    return { where: redactUrl(candidate.url), why: error.facts.why ?? error.message };
  }
}
