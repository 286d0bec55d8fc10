import { ExitCode, KsbundleError } from '../../domain/errors.ts';

/** One entry of an archive, as the archive has it: nothing about it has been checked. */
export interface ArchiveEntry {
  readonly path: string;
  /** `other` is a device, a fifo or a kind that is not known; `type` names it. */
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** The format's own name of the kind. */
  readonly type: string;
  /** Permission bits; absent where the archive has none. */
  readonly mode?: number;
  readonly mtime?: Date;
  /** Bytes of the content. */
  readonly size: number;
  /** The target of a link; empty for other kinds. */
  readonly target: string;
  /** May be read once, and only until the visitor returns. */
  readonly content: AsyncIterable<Buffer>;
}

/** Called with one entry after another; the next entry comes when the promise is settled. */
export type VisitEntry = (entry: ArchiveEntry) => Promise<void>;

/** An archive whose bytes are not what its format wants: truncated, or a checksum in it is wrong. */
export function damagedArchive(name: string, why: string, cause?: unknown): KsbundleError {
  return new KsbundleError({
    code: 'KSB_ARCHIVE_DAMAGED',
    exitCode: ExitCode.integrity,
    message: `${name} is damaged and cannot be read`,
    why,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The error for an archive that would write outside its directory, or too much. */
export function hostileArchive(name: string, entry: string, why: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_ARCHIVE_HOSTILE',
    exitCode: ExitCode.integrity,
    message: `${name} is refused: entry ${JSON.stringify(entry)} ${why}`,
    hint: 'nothing was unpacked; do not use this file unless you know who made it and how',
  });
}

/** The whole content of an entry. Only for entries whose size has been looked at. */
export async function collectContent(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}
