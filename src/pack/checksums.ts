import { isSha256, type Sha256 } from '../domain/digest.ts';
import { isInnerPath } from '../domain/inner-path.ts';
import { compareBytes } from '../io/files.ts';

/** Formats SHA256SUMS as coreutils does, in byte order of the paths; busybox checks it too. */
export function formatChecksums(digests: ReadonlyMap<string, Sha256>): string {
  const lines = [...digests]
    .toSorted(([a], [b]) => compareBytes(a, b))
    .map(([path, digest]) => `${digest}  ${path}\n`);
  return lines.join('');
}

/** Digest by path; undefined if the text is empty, not exactly as `formatChecksums` writes it, or names a path outside. */
export function parseChecksums(text: string): Map<string, Sha256> | undefined {
  const digests = new Map<string, Sha256>();
  for (const line of text.split('\n').slice(0, -1)) {
    const digest = line.slice(0, 64);
    const path = line.slice(66);
    if (!isSha256(digest) || line.slice(64, 66) !== '  ' || !isInnerPath(path)) return undefined;
    digests.set(path, digest);
  }
  return digests.size > 0 && formatChecksums(digests) === text ? digests : undefined;
}
