import { normalizeDistribution } from '../domain/distribution.ts';
import { isInnerPath } from '../domain/inner-path.ts';
import type { ArchiveUrl } from '../domain/recipe.ts';

/** Dotted numbers with an optional suffix: `10.48`, `2.1.13-stable`, `3.13.0rc1`, `0.17.0-dev.12+a1b2`. */
export const VERSION = /^\d+(?:\.\d+)*(?:[-+_.]?[A-Za-z][A-Za-z0-9]*(?:[-+_.][A-Za-z0-9]+)*)?$/;

/** A Python distribution's name in normal form. */
export const DISTRIBUTION = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

export const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._+~-]*$/;

/** The version that `text` seems to mean, for example `1.3.2` for `v1.3.2` or `zlib-1.3.2`. */
export function findVersion(text: string): string | undefined {
  const candidate = /\d.*$/s.exec(text)?.[0].trim();
  return candidate !== undefined && VERSION.test(candidate) ? candidate : undefined;
}

/** Whether `text` looks like a PEP 508 requirement; the resolver parses it. */
export function isRequirement(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\s*(?:\[[A-Za-z0-9._,\s-]*\])?\s*(?:(?:[<>=!~]=?|===|\(|@).*)?(?:;.+)?$/.test(
    text,
  );
}

/** Whether `text` is a day of the calendar, `YYYY-MM-DD`. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

/** Whether `text` is a relative path with `*`, `**`, `?` and alternatives `{a,b}` that are closed and not nested. */
export function isGlob(text: string): boolean {
  const outside = text.replace(/\{[^{}]*\}/g, 'x');
  return isInnerPath(text) && !/[{}]/.test(outside);
}

export function isUrl(text: string): boolean {
  if (/\s/.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    url.protocol === 'https:' && url.hostname.includes('.') && url.username === '' && url.password === ''
  );
}

/** Whether `text` is a regular expression in the syntax that JavaScript (with flag `u`) and Python share. */
export function isPattern(text: string): boolean {
  if (/\(\?(?:<[^=!]|P)|\\[pPkuzZA]/.test(text)) return false;
  try {
    return new RegExp(text, 'u').unicode;
  } catch {
    return false;
  }
}

/** A Debian mirror's pool; the host's configuration selects the mirror. */
const MIRROR = /\/pool\/main\//;

/** Parses `https://…`, `debian:<path below pool/main/>` or `python:<project>/<file>`; undefined for anything else. */
export function parseArchiveUrl(text: string): ArchiveUrl | undefined {
  if (text.startsWith('https://'))
    return isUrl(text) && !MIRROR.test(text) ? { kind: 'https', href: text } : undefined;
  const [kind, rest] = splitOnce(text, ':');
  if (!isInnerPath(rest) || /[\s?#%]/.test(rest)) return undefined;
  if (kind === 'debian') return rest.split('/').length === 3 ? { kind, path: rest } : undefined;
  if (kind === 'python') {
    const [project, file] = splitOnce(rest, '/');
    const name = normalizeDistribution(project);
    return DISTRIBUTION.test(name) && FILE_NAME.test(file) ? { kind, project: name, file } : undefined;
  }
  return undefined;
}

/** The file name at the end of a URL. */
export function urlFile(url: ArchiveUrl): string {
  if (url.kind === 'python') return url.file;
  const path = url.kind === 'debian' ? url.path : new URL(url.href).pathname;
  return path.slice(path.lastIndexOf('/') + 1);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
