import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestMismatch } from '../domain/mismatch.ts';
import { normalizeDistribution } from '../domain/distribution.ts';
import type { Archive, ArchiveUrl, Source } from '../domain/recipe.ts';
import { redactUrl } from '../domain/url.ts';
import type { FetchContext } from './context.ts';
import { mirrorNames, type Mirror } from './mirrors.ts';
import { readPage, type Reach } from './read-page.ts';

/** A place where an archive may be, or the reason why a place that the recipe names cannot be used. */
export type Candidate =
  | {
      readonly kind: 'file';
      readonly archive: Archive;
      readonly path: string;
      /** Set if a file of that name with other bytes is not an error, but only another file. */
      readonly lenient?: true;
    }
  | { readonly kind: 'url'; readonly archive: Archive; readonly url: string }
  | { readonly kind: 'none'; readonly where: string; readonly why: string };

/** All places of a source in the order to try them: the mirrors, then the URLs of each archive. */
export async function* candidatesOf(source: Source, context: FetchContext): AsyncIterable<Candidate> {
  for (const mirror of context.mirrors) yield* inMirror(mirror, source, context);
  for (const archive of source.archives) {
    for (const url of archive.urls) {
      if (context.network === undefined) {
        yield { kind: 'none', where: formatArchiveUrl(url), why: 'not tried offline' };
      } else {
        yield* atUrl(url, archive, { network: context.network, signal: context.signal });
      }
    }
  }
}

async function* inMirror(mirror: Mirror, source: Source, context: FetchContext): AsyncIterable<Candidate> {
  const names = mirrorNames(source);
  if (mirror.kind === 'url') {
    if (context.network === undefined) {
      yield { kind: 'none', where: redactUrl(mirror.url), why: 'not tried offline' };
      return;
    }
    for (const [name, archive] of names)
      yield { kind: 'url', archive, url: mirror.url + encodeURIComponent(name) };
    return;
  }
  const listed = new Set(await readdir(mirror.path));
  const present = [...names].filter(([name]) => listed.has(name));
  for (const [name, archive] of present) yield { kind: 'file', archive, path: path.join(mirror.path, name) };
  if (present.length === 0)
    yield { kind: 'none', where: mirror.path, why: `contains none of ${[...names.keys()].join(', ')}` };
}

async function* atUrl(url: ArchiveUrl, archive: Archive, reach: Reach): AsyncIterable<Candidate> {
  const none = (why: string): Candidate => ({ kind: 'none', where: formatArchiveUrl(url), why });
  switch (url.kind) {
    case 'https':
      yield { kind: 'url', archive, url: url.href };
      return;
    case 'debian': {
      const bases = await reach.network.debianMirrors();
      if (bases.length === 0) yield none('this host has no Debian mirror in /etc/apt');
      const pool = url.path.split('/').map(encodeURIComponent).join('/');
      for (const base of bases) yield { kind: 'url', archive, url: `${base}/pool/main/${pool}` };
      return;
    }
    case 'python': {
      const { indexes, findLinks } = await reach.network.pythonIndexes();
      for (const place of findLinks) {
        yield* isDirectory(place)
          ? [inDirectory(place, url.file, archive)]
          : onPage(place, { url, archive, reach });
      }
      if (indexes.length === 0) {
        yield none('no Python index is configured for pip or uv; name one with KSBUNDLE_PYTHON_INDEX');
      }
      for (const index of indexes) {
        yield* onPage(`${index}/${normalizeDistribution(url.project)}/`, { url, archive, reach });
      }
    }
  }
}

function isDirectory(place: string): boolean {
  return !/^https?:\/\//i.test(place);
}

function inDirectory(place: string, file: string, archive: Archive): Candidate {
  const directory = place.startsWith('file:') ? fileURLToPath(place) : place;
  return { kind: 'file', archive, path: path.resolve(directory, file), lenient: true };
}

interface Wanted {
  readonly url: Extract<ArchiveUrl, { kind: 'python' }>;
  readonly archive: Archive;
  readonly reach: Reach;
}

/** Looks the file up on a page of an index. Throws `KSB_DIGEST_MISMATCH` if the page lists another digest for it. */
async function* onPage(page: string, { url, archive, reach }: Wanted): AsyncIterable<Candidate> {
  const where = redactUrl(page);
  const files = await readPage(page, reach);
  if ('why' in files) {
    yield { kind: 'none', where, why: files.why };
    return;
  }
  const listed = files.find(({ file }) => file === url.file);
  if (listed === undefined) {
    yield { kind: 'none', where, why: `it does not list ${url.file}` };
    return;
  }
  if (listed.sha256 !== undefined && listed.sha256 !== archive.sha256) {
    throw digestMismatch({
      what: url.file,
      from: where,
      expected: [archive.sha256],
      actual: listed.sha256,
    });
  }
  yield { kind: 'url', archive, url: listed.url };
}

/** The URL in a recipe's own form. */
function formatArchiveUrl(url: ArchiveUrl): string {
  switch (url.kind) {
    case 'https':
      return url.href;
    case 'debian':
      return `debian:${url.path}`;
    case 'python':
      return `python:${url.project}/${url.file}`;
  }
}
