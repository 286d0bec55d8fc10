import type { Bill } from '../domain/bill.ts';
import type { Platform } from '../domain/platform.ts';
import type { AuditException, PluginHost } from '../domain/recipe.ts';

/** Bytes that no file may contain, and what they are, in words for the finding. */
export interface ForbiddenBytes {
  readonly label: string;
  readonly bytes: Buffer;
}

export interface AuditOptions {
  readonly platform: Platform;
  /** Version of the release's interpreter, which wheels have to fit; without one no wheel does. */
  readonly python?: { readonly major: number; readonly minor: number };
  /** Build, work, store and home directories. */
  readonly forbidden: readonly ForbiddenBytes[];
  /** Placeholders that the build left where no file of a release should need them. */
  readonly placeholders: readonly ForbiddenBytes[];
  readonly exceptions: readonly AuditException[];
  /** Release paths, or globs of them, that must exist. */
  readonly expected: readonly string[];
  readonly hosts: readonly PluginHost[];
  /** What the release says that it is made of; without one nothing is held against it. */
  readonly bill?: Bill | undefined;
}
