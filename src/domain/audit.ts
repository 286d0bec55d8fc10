/** Something the audit found in a release. */
export interface Finding {
  /** Name of the rule, for example `glibc-floor`. */
  readonly rule: string;
  /** Path in the release. */
  readonly path: string;
  /** What exactly: the library, the symbol and its version, the bytes. */
  readonly subject: string;
  /** What is wrong, as the rest of a sentence that begins with the path; it names the subject. */
  readonly message: string;
  /** What removes the cause. */
  readonly remedy: string;
  /** Set where a recipe declares the finding harmless. */
  readonly exception?: { readonly reason: string; readonly override: string };
}

export interface AuditReport {
  readonly filesScanned: number;
  readonly elfFilesScanned: number;
  /** Newest glibc symbol version that any file needs, for example `2.17`; absent if none needs any. */
  readonly floor?: string;
  /** Names of the rules that ran, sorted. */
  readonly rules: readonly string[];
  /** Sorted by rule, path, subject. Those without an exception fail the build. */
  readonly findings: readonly Finding[];
}

/** The findings that fail a build: those that no recipe declares harmless. */
export function failures(report: AuditReport): readonly Finding[] {
  return report.findings.filter(({ exception }) => exception === undefined);
}
