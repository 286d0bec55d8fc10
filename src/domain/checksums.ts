import { compareBytes } from './compare-bytes.ts';
import { isSha256, type Sha256 } from './digest.ts';
import { isInnerPath } from './inner-path.ts';

/** Formats SHA256SUMS as coreutils does, in byte order of the paths; busybox checks it too. */
export function formatChecksums(digests: ReadonlyMap<string, Sha256>): string {
  const lines = [...digests]
    .toSorted(([a], [b]) => compareBytes(a, b))
    .map(([path, digest]) => `${digest}  ${path}\n`);
  return lines.join('');
}

/** Digest by path of every line in the form of sha256sum(1); other lines are skipped. */
export function readChecksums(text: string): Map<string, Sha256> {
  const digests = new Map<string, Sha256>();
  for (const line of text.split('\n')) {
    const [, digest = '', path = ''] = /^(.{64}) [ *](.+)$/su.exec(line) ?? [];
    if (isSha256(digest)) digests.set(path, digest);
  }
  return digests;
}

/** Digest by path; undefined if the text is empty, not exactly as `formatChecksums` writes it, or names a path outside. */
export function parseChecksums(text: string): Map<string, Sha256> | undefined {
  const digests = readChecksums(text);
  const exact = digests.size > 0 && formatChecksums(digests) === text;
  return exact && [...digests.keys()].every(isInnerPath) ? digests : undefined;
}
