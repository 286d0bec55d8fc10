import { failures, type AuditReport, type Finding } from './audit.ts';

/**
 * The report as lines for a person: what fails the build, each with its remedy and grouped by rule, then what recipes
 * declare harmless and why, then what was looked at.
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

function formatGroups(findings: readonly Finding[]): string[] {
  return findings.flatMap((finding, index) => {
    const previous = findings[index - 1];
    const next = findings[index + 1];
    const isLastOfRemedy = next?.rule !== finding.rule || next.remedy !== finding.remedy;
    return [
      ...(previous?.rule === finding.rule ? [] : [`${finding.rule}:`]),
      `  ${finding.path} ${finding.message}`,
      ...(isLastOfRemedy ? [`    → ${finding.remedy}`] : []),
    ];
  });
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
