import { failures, type AuditReport, type Finding } from './audit.ts';

/**
 * The report as text: findings that fail the build, with remedies and grouped by rule, then those that recipes declare
 * harmless and why, then the scope of the audit.
 */
export function formatAudit(report: AuditReport): string[] {
  const failing = failures(report);
  const excepted = report.findings.filter(({ exception }) => exception !== undefined);
  return [
    ...formatGroups(failing),
    ...excepted.flatMap(formatExcepted),
    ...formatSummary(report, failing.length),
  ];
}

/** Maximum number of findings shown for one rule and file: a missing library has many symbols. */
const SHOWN = 5;

function formatGroups(findings: readonly Finding[]): string[] {
  return [...groupBy(findings, ({ rule }) => rule)].flatMap(([rule, ofRule]) => [
    `${rule}:`,
    ...[...groupBy(ofRule, ({ remedy }) => remedy)].flatMap(([remedy, ofRemedy]) => [
      ...[...groupBy(ofRemedy, ({ path }) => path)].flatMap(([path, ofPath]) => formatFile(path, ofPath)),
      `    → ${remedy}`,
    ]),
  ]);
}

function formatFile(path: string, findings: readonly Finding[]): string[] {
  const shown = findings.slice(0, SHOWN).map(({ message }) => `  ${path} ${message}`);
  const more = findings.length - shown.length;
  return more === 0 ? shown : [...shown, `  ${path}: ${more} more like these`];
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function formatExcepted({ rule, path, message, exception }: Finding): string[] {
  return [
    `declared harmless (${rule}): ${path} ${message}`,
    `    ${exception?.reason}; at run time: ${exception?.override}`,
  ];
}

function formatSummary(report: AuditReport, failing: number): string[] {
  const floor = report.floor === undefined ? 'no glibc needed' : `newest glibc needed: ${report.floor}`;
  const scanned = `${report.filesScanned} files, ${report.elfFilesScanned} of them ELF, against ${report.rules.length} rules`;
  return [`${failing === 0 ? 'clean' : `${failing} findings`}: ${scanned}; ${floor}`];
}
