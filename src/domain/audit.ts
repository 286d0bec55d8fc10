import type { FoundLibrary } from './libraries/found-library.ts';
import type { Part } from './manifest.ts';

/** Something the audit found in a release. */
export interface Finding {
  /** Name of the rule, for example `glibc-floor`. */
  readonly rule: string;
  /** Path in the release. */
  readonly path: string;
  /** The exact cause: the library, the symbol and its version, the bytes. */
  readonly subject: string;
  /** The problem, as the rest of a sentence that begins with the path; it names the subject. */
  readonly message: string;
  /** How to remove the cause. */
  readonly remedy: string;
  /** Set where a recipe declares the finding harmless. */
  readonly exception?: { readonly reason: string; readonly override: string };
}

/** A library in a file of a release. */
export interface LibraryInFile extends FoundLibrary {
  /** Release path. */
  readonly path: string;
  /**
   * According to the bill of materials, the file is the library's own, loads a component (`shared`), contains it
   * (`linked`), or its carrier embeds it. Absent without a bill or an entry in it.
   */
  readonly billed?: 'itself' | 'shared' | 'linked' | 'embedded';
  /** The component, if it is one. */
  readonly component?: Part;
}

export interface AuditReport {
  readonly filesScanned: number;
  readonly elfFilesScanned: number;
  /** Newest glibc symbol version that any file needs, for example `2.17`; absent if none needs any. */
  readonly floor?: string;
  /** Libraries, crates and modules that ELF files show, by path. */
  readonly libraries: readonly LibraryInFile[];
  /** Names of the rules that ran, sorted. */
  readonly rules: readonly string[];
  /** Sorted by rule, path, subject. Those without an exception fail the build. */
  readonly findings: readonly Finding[];
}

/** The findings that fail a build: those that no recipe declares harmless. */
export function failures(report: AuditReport): readonly Finding[] {
  return report.findings.filter(({ exception }) => exception === undefined);
}
