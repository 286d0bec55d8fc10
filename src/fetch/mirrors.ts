import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Archive, ArchiveUrl, Source } from '../domain/recipe.ts';
import { redactUrl } from '../domain/url.ts';

/** A place that holds files by name. */
export type Mirror =
  | { readonly kind: 'directory'; readonly path: string }
  /** `url` ends in a slash. */
  | { readonly kind: 'url'; readonly url: string };

/** Parses the user's list of mirrors; throws `KSB_MIRROR_INVALID`. */
export async function parseMirrors(texts: readonly string[]): Promise<Mirror[]> {
  return Promise.all(texts.map(parseMirror));
}

async function parseMirror(text: string): Promise<Mirror> {
  const mirror = parsePlace(text);
  if (mirror === undefined) throw invalidMirror(redactUrl(text), 'it is not a valid URL');
  if (mirror.kind === 'url') return mirror;
  try {
    await readdir(mirror.path);
  } catch (error) {
    throw invalidMirror(text, error instanceof Error ? error.message : String(error));
  }
  return mirror;
}

/** Parses a directory, or a `file:`, `http:` or `https:` URL; undefined for an invalid URL. Does not look at it. */
export function parsePlace(text: string): Mirror | undefined {
  if (/^https?:\/\//i.test(text))
    return URL.canParse(text) ? { kind: 'url', url: text.replace(/\/*$/, '/') } : undefined;
  return { kind: 'directory', path: path.resolve(/^file:/i.test(text) ? fileURLToPath(text) : text) };
}

function invalidMirror(text: string, why: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_MIRROR_INVALID',
    exitCode: ExitCode.usage,
    message: `the mirror ${text} cannot be used`,
    why,
    hint: 'a mirror is a directory or an http or https URL that has the files by name; make one with: ksbundle mirror DIR',
  });
}

/** Name of an archive in a mirror whose file of the plain name has other bytes. */
export function prefixedName(archive: Pick<Archive, 'sha256' | 'file'>): string {
  return `${archive.sha256.slice(0, 12)}-${archive.file}`;
}

/**
 * The names that a source may have in a mirror, each with the first archive that it stands for: for each archive the
 * name with its digest, the plain one, and those in its URLs.
 */
export function mirrorNames(source: Source): ReadonlyMap<string, Archive> {
  const names = new Map<string, Archive>();
  for (const archive of source.archives) {
    for (const name of [prefixedName(archive), archive.file, ...archive.urls.map(lastSegment)]) {
      if (!['', '.', '..'].includes(name) && !name.includes('/') && !names.has(name))
        names.set(name, archive);
    }
  }
  return names;
}

function lastSegment(url: ArchiveUrl): string {
  switch (url.kind) {
    case 'https':
      return path.posix.basename(new URL(url.href).pathname);
    case 'debian':
      return path.posix.basename(url.path);
    case 'python':
      return url.file;
  }
}

/** Whether a directory among the mirrors has a file with one of the source's names. */
export async function isInMirrors(source: Source, mirrors: readonly Mirror[]): Promise<boolean> {
  const names = mirrorNames(source);
  for (const mirror of mirrors) {
    if (mirror.kind === 'directory' && (await readdir(mirror.path)).some((name) => names.has(name)))
      return true;
  }
  return false;
}
