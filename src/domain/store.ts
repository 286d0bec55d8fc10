import type { Sha256 } from './digest.ts';

/** Content that the store holds. */
export interface StoredContent {
  readonly sha256: Sha256;
  /** Absolute path of the read-only file. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** The record of one component's build: `builds/<key>.json` in the store. */
export interface BuildRecord {
  /** Digest over everything that decides the result. */
  readonly key: Sha256;
  /** Digest of the artifact, whose bytes are in the store. */
  readonly artifact: Sha256;
  /** Bytes of the artifact. */
  readonly size: number;
  readonly component: string;
  readonly version: string;
  /** Milliseconds that the build took. */
  readonly time: number;
  /** When it was made, ISO 8601 in UTC. */
  readonly created: string;
}

export interface StoreEntry extends StoredContent {
  readonly lastUsed: Date;
}

export interface StoreTotals {
  readonly entries: number;
  /** Bytes of all content. */
  readonly bytes: number;
}

export interface CollectOptions {
  /** Milliseconds; what was used more recently stays. */
  readonly olderThan: number;
  /** Content that stays however old. */
  readonly keep?: ReadonlySet<Sha256>;
  /** Removes nothing, and reports what it would remove. */
  readonly dryRun?: boolean;
}

/** The entries that a collection removed, or would remove. */
export interface Collected {
  /** Sorted by digest. */
  readonly content: readonly StoreEntry[];
  /** Keys of the build records whose artifact went, sorted. */
  readonly builds: readonly Sha256[];
}

/**
 * Content addressed by its SHA-256. Several processes may use one store at once: content appears by rename, whole,
 * and is never changed. Every method may throw `KSB_DISK_FULL`, and errors of the file system.
 */
export interface ContentStore {
  /** Absolute path of the store's directory. */
  readonly root: string;
  /** Directory on the store's file system for work in progress; emptied of what is old by `collect`. */
  readonly temporary: string;
  /** Where content of that digest lies, if it is there. */
  pathOf(digest: Sha256): string;
  /**
   * Content that is there and untouched since it was stored, as its time stamp tells; a touched entry is hashed, and
   * removed with a warning if it is damaged. Counts as use.
   */
  find(digest: Sha256): Promise<StoredContent | undefined>;
  /** Like `find`, but always reads and hashes the content, regardless of its time stamp. */
  findVerified(digest: Sha256): Promise<StoredContent | undefined>;
  /** Stores what `content` yields; throws `KSB_DIGEST_MISMATCH` if `expected` is given and differs. */
  add(content: AsyncIterable<Uint8Array>, expected?: Sha256): Promise<StoredContent>;
  /** Stores a copy of a file; throws `KSB_DIGEST_MISMATCH` if `expected` is given and differs. */
  addFile(file: string, expected?: Sha256): Promise<StoredContent>;
  /** Takes over a file below `temporary` whose bytes the caller has hashed: moves it, reads nothing. */
  adopt(file: string, digest: Sha256): Promise<StoredContent>;
  /** All entries, sorted by digest; does not count as use. */
  list(): Promise<StoreEntry[]>;
  totals(): Promise<StoreTotals>;
  /** Hashes everything, removes what is damaged and returns it, sorted by digest. */
  verifyAll(signal?: AbortSignal): Promise<Sha256[]>;
  /** Removes content that was not used lately, the build records that need it, and old work in progress. */
  collect(options: CollectOptions): Promise<Collected>;
}

/** The build cache: which artifact a key made. */
export interface BuildCache {
  /** The record of `key` if it is sound and its artifact is in the store; a damaged one is removed with a warning. */
  read(key: Sha256): Promise<BuildRecord | undefined>;
  write(record: BuildRecord): Promise<void>;
  /** All sound records, sorted by component, then key. */
  list(): Promise<BuildRecord[]>;
  remove(key: Sha256): Promise<void>;
}

/** How long each task took when it last was done, so that progress can tell. */
export interface TaskTimes {
  /** Milliseconds by name of the task; empty if nothing is known. */
  read(): Promise<ReadonlyMap<string, number>>;
  /** Merges `times` into what is known. */
  write(times: ReadonlyMap<string, number>): Promise<void>;
}

export interface Store extends ContentStore {
  readonly builds: BuildCache;
  readonly times: TaskTimes;
}
