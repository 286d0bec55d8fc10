import type { AuditOptions } from './options.ts';
import type { ScannedEntry } from './scan.ts';
import type { Release } from './loads.ts';

/** One break of a rule. */
export interface Offence {
  /** Release path. */
  readonly path: string;
  /** What exactly; recipes name it in exceptions, so it is the same on every machine. */
  readonly subject: string;
  /** What is wrong, as the rest of a sentence that begins with the path. */
  readonly message: string;
  /** In place of the rule's general remedy. */
  readonly remedy?: string;
}

/** A rule that a release has to obey. It looks at entries one by one, at the whole, or at both. */
export interface Rule {
  readonly name: string;
  /** What removes the cause, in general. */
  readonly remedy: string;
  /** Called once for each entry with its bytes, which are empty for all but files. */
  readonly checkEntry?: (entry: ScannedEntry, bytes: Buffer, options: AuditOptions) => Iterable<Offence>;
  /** Called once, when all entries are known. */
  readonly checkRelease?: (release: Release, options: AuditOptions) => Iterable<Offence>;
}
