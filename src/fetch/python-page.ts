import { isSha256, type Sha256 } from '../domain/digest.ts';
import type { Text } from '../io/http.ts';

/** A file as an index lists it. */
export interface ListedFile {
  readonly file: string;
  readonly url: string;
  readonly sha256?: Sha256;
  /** Whether the index has its publisher's attestation (PEP 740), if the index says so: in JSON, from version 1.3. */
  readonly isAttested?: boolean;
}

/** The formats that `parsePage` reads; JSON (PEP 691) is preferred to HTML (PEP 503). */
export const PAGE_HEADERS = {
  accept: 'application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1',
} as const;

/** The files that a project's page of a simple index, or a page of links, lists. Throws `SyntaxError`. */
export function parsePage(page: Text): ListedFile[] {
  return page.mediaType.endsWith('json') ? parseJson(page) : parseHtml(page);
}

function parseJson(page: Text): ListedFile[] {
  const document: unknown = JSON.parse(page.text);
  const files = isObject(document) && Array.isArray(document['files']) ? document['files'] : [];
  const tells =
    isObject(document) && isObject(document['meta']) && hasProvenance(document['meta']['api-version']);
  return files.flatMap((entry: unknown) => {
    if (!isObject(entry) || typeof entry['filename'] !== 'string' || typeof entry['url'] !== 'string')
      return [];
    const digest = isObject(entry['hashes']) ? entry['hashes']['sha256'] : undefined;
    return listed(
      entry['filename'],
      { link: entry['url'], base: page.url },
      typeof digest === 'string' ? digest : undefined,
    ).map((file) => (tells ? { ...file, isAttested: typeof entry['provenance'] === 'string' } : file));
  });
}

/** Whether this version of the simple API has a field for a file's provenance. */
function hasProvenance(version: unknown): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)$/u.exec(typeof version === 'string' ? version : '') ?? [];
  return major === '1' && Number(minor) >= 3;
}

function parseHtml(page: Text): ListedFile[] {
  const href = String.raw`\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))`;
  const [, ...baseLink] = new RegExp(String.raw`<base\b[^>]*?${href}`, 'i').exec(page.text) ?? [];
  const base = resolve(decodeEntities(baseLink.join('')), page.url) ?? page.url;
  return [...page.text.matchAll(new RegExp(String.raw`<a\b[^>]*?${href}`, 'gi'))].flatMap(([, ...parts]) => {
    const link = decodeEntities(parts.join(''));
    const url = resolve(link, base);
    if (url === undefined) return [];
    const { pathname, hash } = new URL(url);
    return listed(fileNameOf(pathname), { link, base }, /^#(?:.*&)?sha256=([0-9a-f]+)/i.exec(hash)?.[1]);
  });
}

function listed(
  file: string,
  { link, base }: { readonly link: string; readonly base: string },
  digest: string | undefined,
): ListedFile[] {
  const url = resolve(link, base);
  const sha256 = digest?.toLowerCase();
  if (url === undefined || file === '') return [];
  return [
    { file, url: url.replace(/#.*$/, ''), ...(sha256 !== undefined && isSha256(sha256) ? { sha256 } : {}) },
  ];
}

/** The last segment, decoded if its encoding is valid. */
function fileNameOf(pathname: string): string {
  const segment = pathname.slice(pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The link as an absolute URL. A link to the page's own server keeps the page's credentials, as in pip. */
function resolve(link: string, base: string): string | undefined {
  if (!URL.canParse(link, base)) return undefined;
  const url = new URL(link, base);
  const from = new URL(base);
  if (url.origin === from.origin && url.username === '') {
    url.username = from.username;
    url.password = from.password;
  }
  return url.href;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(#\d+|#x[0-9a-f]+|[a-z]+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name.toLowerCase()] ?? whole;
    const point = Number(name.slice(1).replace(/^x/i, '0x'));
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
