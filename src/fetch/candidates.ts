import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestMismatch } from '../domain/mismatch.ts';
import { normalizeDistribution } from '../domain/distribution.ts';
import type { Location, Packing, Source } from '../domain/recipe.ts';
import { redactUrl } from '../domain/url.ts';
import type { FetchContext } from './context.ts';
import { mirrorNames, type Mirror } from './mirrors.ts';
import { readPage, type Reach } from './read-page.ts';

/** A place where a packing may be, or why one named in the recipe is out of the question. */
export type Candidate =
  | {
      readonly kind: 'file';
      readonly packing: Packing;
      readonly path: string;
      /** Set where other bytes under that name are no fault, only not what we look for. */
      readonly lenient?: true;
    }
  | { readonly kind: 'url'; readonly packing: Packing; readonly url: string }
  | { readonly kind: 'none'; readonly where: string; readonly why: string };

/** All places of a source in the order to try them: the mirrors, then the locations packing by packing. */
export async function* candidatesOf(source: Source, context: FetchContext): AsyncIterable<Candidate> {
  for (const mirror of context.mirrors) yield* inMirror(mirror, source, context);
  for (const packing of source.packings) {
    for (const location of packing.locations) {
      if (context.network === undefined) {
        yield { kind: 'none', where: describeLocation(location), why: 'not tried offline' };
      } else {
        yield* atLocation(location, packing, { network: context.network, signal: context.signal });
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
    for (const [name, packing] of names)
      yield { kind: 'url', packing, url: mirror.url + encodeURIComponent(name) };
    return;
  }
  const listed = new Set(await readdir(mirror.path));
  const present = [...names].filter(([name]) => listed.has(name));
  for (const [name, packing] of present) yield { kind: 'file', packing, path: path.join(mirror.path, name) };
  if (present.length === 0)
    yield { kind: 'none', where: mirror.path, why: `holds none of ${[...names.keys()].join(', ')}` };
}

async function* atLocation(location: Location, packing: Packing, reach: Reach): AsyncIterable<Candidate> {
  const none = (why: string): Candidate => ({ kind: 'none', where: describeLocation(location), why });
  switch (location.kind) {
    case 'https':
      yield { kind: 'url', packing, url: location.url };
      return;
    case 'debian': {
      const bases = await reach.network.debianMirrors();
      if (bases.length === 0) yield none('this host has no Debian mirror in /etc/apt');
      const pool = location.path.split('/').map(encodeURIComponent).join('/');
      for (const base of bases) yield { kind: 'url', packing, url: `${base}/pool/main/${pool}` };
      return;
    }
    case 'python': {
      const { indexes, findLinks } = await reach.network.pythonIndexes();
      for (const place of findLinks) {
        yield* isDirectory(place)
          ? [inDirectory(place, location.file, packing)]
          : onPage(place, { location, packing, reach });
      }
      if (indexes.length === 0) {
        yield none('no Python index is configured for pip or uv; name one with KSBUNDLE_PYTHON_INDEX');
      }
      for (const index of indexes) {
        yield* onPage(`${index}/${normalizeDistribution(location.project)}/`, { location, packing, reach });
      }
    }
  }
}

function isDirectory(place: string): boolean {
  return !/^https?:\/\//i.test(place);
}

function inDirectory(place: string, file: string, packing: Packing): Candidate {
  const directory = place.startsWith('file:') ? fileURLToPath(place) : place;
  return { kind: 'file', packing, path: path.resolve(directory, file), lenient: true };
}

interface Wanted {
  readonly location: Extract<Location, { kind: 'python' }>;
  readonly packing: Packing;
  readonly reach: Reach;
}

/** Looks the file up on a page of an index. Throws `KSB_DIGEST_MISMATCH` if the page gives it another digest. */
async function* onPage(page: string, { location, packing, reach }: Wanted): AsyncIterable<Candidate> {
  const where = redactUrl(page);
  const files = await readPage(page, reach);
  if ('why' in files) {
    yield { kind: 'none', where, why: files.why };
    return;
  }
  const listed = files.find(({ file }) => file === location.file);
  if (listed === undefined) {
    yield { kind: 'none', where, why: `it does not list ${location.file}` };
    return;
  }
  if (listed.sha256 !== undefined && listed.sha256 !== packing.sha256) {
    throw digestMismatch({
      what: location.file,
      from: where,
      expected: [packing.sha256],
      actual: listed.sha256,
    });
  }
  yield { kind: 'url', packing, url: listed.url };
}

/** The location in a recipe's own form. */
function describeLocation(location: Location): string {
  switch (location.kind) {
    case 'https':
      return location.url;
    case 'debian':
      return `debian:${location.path}`;
    case 'python':
      return `python:${location.project}/${location.file}`;
  }
}
