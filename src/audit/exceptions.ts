import type { Finding } from '../domain/audit.ts';
import { compileGlobs } from '../domain/glob.ts';
import type { AuditException } from '../domain/recipe.ts';

/** Name of the rule that every exception must apply to a finding. */
export const UNUSED_EXCEPTION = 'unused-exception';

/** An empty audit proves nothing, so no recipe can declare it harmless. */
const WITHOUT_EXCEPTION = new Set(['nothing-scanned']);

/**
 * Marks the findings that exceptions declare harmless, and adds a finding for each exception that applies to none.
 */
export function applyExceptions(
  findings: readonly Finding[],
  exceptions: readonly AuditException[],
): Finding[] {
  const compiled = exceptions.map((exception) => ({ exception, matchesPath: compileGlobs(exception.paths) }));
  const used = new Set<AuditException>();
  const marked = findings.map((finding) => {
    const matching = compiled.filter(
      ({ exception, matchesPath }) => isExcepted(finding, exception) && matchesPath(finding.path),
    );
    for (const { exception } of matching) used.add(exception);
    const [first] = matching;
    if (first === undefined) return finding;
    const { reason, override } = first.exception;
    return { ...finding, exception: { reason, override } };
  });
  return [...marked, ...exceptions.filter((exception) => !used.has(exception)).map(reportUnused)];
}

function isExcepted(finding: Finding, exception: AuditException): boolean {
  if (exception.rule !== finding.rule || WITHOUT_EXCEPTION.has(finding.rule)) return false;
  return exception.subject === undefined || exception.subject === finding.subject;
}

function reportUnused(exception: AuditException): Finding {
  const path = exception.paths.join(' ');
  const subject = exception.subject === undefined ? exception.rule : `${exception.rule} ${exception.subject}`;
  return {
    rule: UNUSED_EXCEPTION,
    path,
    subject,
    message: `has an exception for ${subject}, but no longer breaks that rule`,
    remedy: 'remove the exception from the recipe',
  };
}
