import { hasControlCharacter, leavesTree } from '../../domain/inner-path.ts';
import { hostileArchive, type ArchiveEntry } from './entry.ts';

export interface ArchiveLimits {
  /** Limit for all content, in bytes. */
  readonly bytes: number;
  readonly entries: number;
  /** Limit for unpacked bytes per byte of the archive. It applies above 64 MiB of content. */
  readonly ratio: number;
}

/**
 * Far more than real sources need (zig's wheel: 19,525 files, 400 MB, ratio 4), and far less than would fill a disk.
 */
export const DEFAULT_LIMITS: ArchiveLimits = { bytes: 4 * 2 ** 30, entries: 500_000, ratio: 200 };

const RATIO_MATTERS_FROM = 64 * 2 ** 20;

export interface GuardOptions {
  /** Name of the archive in errors. */
  readonly name: string;
  /** Size of the archive file in bytes. */
  readonly size: number;
  /** Number of leading path components to remove. Entries without further components are omitted. */
  readonly strip: number;
  readonly limits: ArchiveLimits;
}

/** An entry that may be written: `path` and the `target` of a hard link are clean, relative and stripped. */
export interface Admitted {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink';
  readonly target: string;
}

/**
 * Tracks all entries of an archive, and refuses those that could write outside the destination. Every method throws
 * `KSB_ARCHIVE_HOSTILE`.
 */
export interface ArchiveGuard {
  /** The entry to write; undefined if `strip` removes it or it already exists. */
  admit(entry: ArchiveEntry): Admitted | undefined;
  /** Counts content of `path` when it is read, before it is written. */
  count(path: string, bytes: number): void;
  /**
   * Checks all symbolic links together, because each may lead through others. Must run before anything follows a link.
   */
  finish(): void;
}

export function guardArchive({ name, size, strip, limits }: GuardOptions): ArchiveGuard {
  const kinds = new Map<string, 'file' | 'directory' | 'symlink'>();
  const links = new Map<string, string>();
  let entries = 0;
  let bytes = 0;
  const refuse = (entry: string, why: string): never => {
    throw hostileArchive(name, entry, why);
  };

  const cleanPath = (entry: string, path: string, what: string): string | undefined => {
    if (hasControlCharacter(path)) refuse(entry, `${what} contains a control character`);
    if (path.startsWith('/')) refuse(entry, `${what} is absolute`);
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.includes('..')) refuse(entry, `${what} contains ".."`);
    return parts.length > strip ? parts.slice(strip).join('/') : undefined;
  };

  const claimParents = (entry: string, path: string): void => {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) {
      const parent = path.slice(0, end);
      const kind = kinds.get(parent);
      if (kind === undefined) kinds.set(parent, 'directory');
      else if (kind !== 'directory')
        refuse(entry, `lies below ${JSON.stringify(parent)}, which is a ${kind}`);
    }
  };

  const admitLink = (entry: ArchiveEntry, path: string): Admitted | undefined => {
    const target = cleanPath(entry.path, entry.target, 'has a hard link target that');
    if (target === path) return undefined;
    if (target === undefined || kinds.get(target) !== 'file') {
      return refuse(
        entry.path,
        `is a hard link to ${JSON.stringify(entry.target)}, which is not an earlier file of the archive`,
      );
    }
    return { path, kind: 'hardlink', target };
  };

  return {
    admit(entry) {
      entries += 1;
      if (entries > limits.entries) refuse(entry.path, `is one too many (limit ${limits.entries} entries)`);
      const path = cleanPath(entry.path, entry.path, 'has a name that');
      if (entry.kind === 'other')
        return refuse(entry.path, `is of a kind that is not unpacked (${entry.type})`);
      if (path === undefined) return undefined;
      claimParents(entry.path, path);
      const admitted =
        entry.kind === 'hardlink' ? admitLink(entry, path) : { path, kind: entry.kind, target: entry.target };
      if (admitted === undefined) return undefined;
      const kind = admitted.kind === 'hardlink' ? 'file' : admitted.kind;
      const before = kinds.get(path);
      if (before !== undefined && (before !== kind || kind !== 'directory')) {
        refuse(entry.path, `appears twice, as a ${before} and as a ${kind}`);
      }
      kinds.set(path, kind);
      if (kind === 'symlink') {
        if (hasControlCharacter(entry.target))
          refuse(entry.path, 'has a target that contains a control character');
        links.set(path, entry.target);
      }
      return admitted;
    },
    count(path, more) {
      bytes += more;
      if (bytes > limits.bytes) refuse(path, `makes the content larger than ${limits.bytes} bytes`);
      if (bytes > RATIO_MATTERS_FROM && bytes > size * limits.ratio) {
        refuse(path, `makes the content larger than ${limits.ratio} times the archive's ${size} bytes`);
      }
    },
    finish() {
      for (const [path, target] of links) {
        if (leavesTree(path, links))
          refuse(path, `is a symbolic link that leaves the destination (${target})`);
      }
    },
  };
}
