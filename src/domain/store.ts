import type { Sha256 } from './digest.ts';

/** Content in the store. */
export interface StoredContent {
  readonly sha256: Sha256;
  /** Absolute path of the read-only file. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

/** The record of one component's build: `builds/<key>.json` in the store. */
export interface BuildRecord {
  /** Digest over all inputs. */
  readonly key: Sha256;
  /** Digest of the artifact in the store. */
  readonly artifact: Sha256;
  /** Bytes of the artifact. */
  readonly size: number;
  readonly component: string;
  readonly version: string;
  /** Milliseconds that the build took. */
  readonly time: number;
  /** Time of creation, ISO 8601 in UTC. */
  readonly created: string;
  /**
   * Fingerprints of the keys that signed it in shared caches: first the one that was verified here, then those that its
   * record named. Absent if it was built into this store.
   */
  readonly signers?: readonly Sha256[] | undefined;
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
  /** Milliseconds; keeps content that was used more recently. */
  readonly olderThan: number;
  /** Content to keep at any age. */
  readonly keep?: ReadonlySet<Sha256>;
  /** Removes nothing, and reports what it would remove. */
  readonly dryRun?: boolean;
}

/** The entries that a collection removed, or would remove. */
export interface Collected {
  /** Sorted by digest. */
  readonly content: readonly StoreEntry[];
  /** Keys of the build records of removed artifacts, sorted. */
  readonly builds: readonly Sha256[];
}

/**
 * Content addressed by its SHA-256. Several processes may use a store at once: content appears complete, by rename, and
 * never changes. Every method may throw `KSB_DISK_FULL`, and errors of the file system.
 */
export interface ContentStore {
  /** Absolute path of the store's directory. */
  readonly root: string;
  /** Directory on the store's file system for work in progress; `collect` removes old files. */
  readonly temporary: string;
  /** Path of the content with this digest, if it exists. */
  pathOf(digest: Sha256): string;
  /**
   * The content, if its time stamp has not changed since it was stored; otherwise hashes it, and removes it with a
   * warning if it is damaged. Counts as use.
   */
  find(digest: Sha256): Promise<StoredContent | undefined>;
  /** Like `find`, but always reads and hashes the content, regardless of its time stamp. */
  findVerified(digest: Sha256): Promise<StoredContent | undefined>;
  /** Stores the bytes of `content`; throws `KSB_DIGEST_MISMATCH` if `expected` is given and differs. */
  add(content: AsyncIterable<Uint8Array>, expected?: Sha256): Promise<StoredContent>;
  /** Stores a copy of a file; throws `KSB_DIGEST_MISMATCH` if `expected` is given and differs. */
  addFile(file: string, expected?: Sha256): Promise<StoredContent>;
  /** Moves a file below `temporary` into the store, without reading it; the caller has hashed it. */
  adopt(file: string, digest: Sha256): Promise<StoredContent>;
  /** All entries, sorted by digest; does not count as use. */
  list(): Promise<StoreEntry[]>;
  totals(): Promise<StoreTotals>;
  /** Hashes everything; removes and returns damaged entries, sorted by digest. */
  verifyAll(signal?: AbortSignal): Promise<Sha256[]>;
  /** Removes content not used recently, the build records that need it, and old work in progress. */
  collect(options: CollectOptions): Promise<Collected>;
}

/** The build cache: artifacts by build key. */
export interface BuildCache {
  /** The record of `key`, if it is valid and its artifact is in the store; removes a damaged one with a warning. */
  read(key: Sha256): Promise<BuildRecord | undefined>;
  write(record: BuildRecord): Promise<void>;
  /** All valid records, sorted by component, then key. */
  list(): Promise<BuildRecord[]>;
  remove(key: Sha256): Promise<void>;
}

/** A component's artifact, by its build key. */
export interface WantedArtifact {
  readonly key: Sha256;
  readonly component: string;
  readonly version: string;
}

/** Artifacts that other machines built, as far as a signature proves them. */
export interface SharedArtifacts {
  /** The record of an artifact, which stays where it is. */
  readonly look: (wanted: WantedArtifact) => Promise<BuildRecord | undefined>;
  /** Brings an artifact and its record into the store. */
  readonly take: (wanted: WantedArtifact) => Promise<BuildRecord | undefined>;
}

/** The last duration of each task, for estimates. */
export interface TaskTimes {
  /** Milliseconds by task name; may be empty. */
  read(): Promise<ReadonlyMap<string, number>>;
  /** Merges `times` into the file. */
  write(times: ReadonlyMap<string, number>): Promise<void>;
}

export interface Store extends ContentStore {
  readonly builds: BuildCache;
  readonly times: TaskTimes;
}
