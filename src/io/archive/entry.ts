import { ExitCode, KsbundleError } from '../../domain/errors.ts';

/** One entry of an archive, unchecked, as the archive describes it. */
export interface ArchiveEntry {
  readonly path: string;
  /** `other` is a device, a fifo or an unknown kind; `type` names it. */
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** Name of the kind in the archive's format. */
  readonly type: string;
  /** Permission bits; absent if the archive has none. */
  readonly mode?: number;
  readonly mtime?: Date;
  /** Size of the content in bytes. */
  readonly size: number;
  /** Target of a link; empty for other kinds. */
  readonly target: string;
  /** Can be read once, and only until the visitor returns. */
  readonly content: AsyncIterable<Buffer>;
}

/** Called with one entry after another. The next call comes when the promise of the last one is settled. */
export type VisitEntry = (entry: ArchiveEntry) => Promise<void>;

/** The error for an archive that does not conform to its format: it is truncated, or a checksum in it is wrong. */
export function damagedArchive(name: string, why: string, cause?: unknown): KsbundleError {
  return new KsbundleError({
    code: 'KSB_ARCHIVE_DAMAGED',
    exitCode: ExitCode.integrity,
    message: `${name} is damaged and cannot be read`,
    why,
    hint: 'get the file again from its origin, and compare its size and digest with those there',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The error for an archive, or for one of its entries, that would write outside its directory or write too much. */
export function hostileArchive(name: string, entry: string | undefined, why: string): KsbundleError {
  const what = entry === undefined ? why : `entry ${JSON.stringify(entry)} ${why}`;
  return new KsbundleError({
    code: 'KSB_ARCHIVE_HOSTILE',
    exitCode: ExitCode.integrity,
    message: `${name} is refused: ${what}`,
    hint: 'nothing was unpacked; do not use this file unless you know who made it and how',
  });
}

/** The whole content of an entry. Only for entries whose size was checked. */
export async function collectContent(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
