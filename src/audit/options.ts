import type { Bill } from '../domain/bill.ts';
import type { Platform } from '../domain/platform.ts';
import type { AuditException, PluginHost } from '../domain/recipe.ts';

/** Bytes that no file may contain, with a description for the finding. */
export interface ForbiddenBytes {
  readonly label: string;
  readonly bytes: Buffer;
}

export interface AuditOptions {
  readonly platform: Platform;
  /** Version of the release's interpreter, which wheels must match; without one, no wheel matches. */
  readonly python?: { readonly major: number; readonly minor: number };
  /** Build, work, store and home directories. */
  readonly forbidden: readonly ForbiddenBytes[];
  /** Placeholders of the build, which no file of a release may contain. */
  readonly placeholders: readonly ForbiddenBytes[];
  readonly exceptions: readonly AuditException[];
  /** Release paths, or globs of them, that must exist. */
  readonly expected: readonly string[];
  readonly hosts: readonly PluginHost[];
  /** The release's bill of materials; without one, the rules about it do not apply. */
  readonly bill?: Bill | undefined;
}
