import type { AuditOptions } from './options.ts';
import type { ScannedEntry } from './scan.ts';
import type { Release } from './loads.ts';

/** One violation of a rule. */
export interface Offence {
  /** Release path. */
  readonly path: string;
  /** The exact cause. Recipes name it in exceptions, so it is the same on every machine. */
  readonly subject: string;
  /** The problem, as the rest of a sentence that begins with the path. */
  readonly message: string;
  /** Replaces the rule's general remedy. */
  readonly remedy?: string;
}

/** A rule for releases. It checks single entries, the whole release, or both. */
export interface Rule {
  readonly name: string;
  /** How to remove the cause, in general. */
  readonly remedy: string;
  /** Called once for each entry with its bytes, which are empty unless it is a file. */
  readonly checkEntry?: (entry: ScannedEntry, bytes: Buffer, options: AuditOptions) => Iterable<Offence>;
  /** Called once, after all entries were read. */
  readonly checkRelease?: (release: Release, options: AuditOptions) => Iterable<Offence>;
}
