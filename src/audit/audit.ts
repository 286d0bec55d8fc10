import { compareBytes } from '../domain/compare-bytes.ts';
import type { AuditReport, Finding } from '../domain/audit.ts';
import { formatGlibc } from '../domain/platform.ts';
import { applyExceptions, UNUSED_EXCEPTION } from './exceptions.ts';
import { listLibraries } from './libraries.ts';
import { simulateLoads } from './loads.ts';
import type { AuditOptions } from './options.ts';
import { indexEntries } from './release.ts';
import type { Offence, Rule } from './rule.ts';
import { RULES } from './rules.ts';
import { neededGlibc } from './rules/glibc-floor.ts';
import { scanTree } from './scan.ts';

/**
 * Proves that the release at `root` needs nothing from its build machine, and only glibc from its host, or reports
 * where it needs more. Reads every byte and changes none. Checks all rules by default. Returns findings and does not
 * throw them: see `failures` in domain/audit.ts.
 */
export async function auditTree(
  root: string,
  options: AuditOptions,
  rules: readonly Rule[] = RULES,
): Promise<AuditReport> {
  const findings = new Map<string, Finding>();
  const add = (rule: Rule, offences: Iterable<Offence>): void => {
    for (const offence of offences) {
      const key = [rule.name, offence.path, offence.subject].join('\0');
      if (!findings.has(key)) findings.set(key, { rule: rule.name, remedy: rule.remedy, ...offence });
    }
  };
  const entries = await scanTree(root, (entry, bytes) => {
    for (const rule of rules) add(rule, rule.checkEntry?.(entry, bytes, options) ?? []);
  });
  const files = indexEntries(entries, options.platform);
  const libraries = listLibraries(files, options.bill);
  const release = { ...files, loads: simulateLoads(files, options.hosts), libraries };
  for (const rule of rules) add(rule, rule.checkRelease?.(release, options) ?? []);
  const floor = neededGlibc(release.elfFiles);
  return {
    filesScanned: entries.filter(({ kind }) => kind === 'file').length,
    elfFilesScanned: entries.filter(({ elf, elfError }) => elf !== undefined || elfError !== undefined)
      .length,
    ...(floor === undefined ? {} : { floor: formatGlibc(floor) }),
    libraries,
    rules: [...rules.map(({ name }) => name), UNUSED_EXCEPTION].toSorted(compareBytes),
    findings: applyExceptions([...findings.values()], options.exceptions).toSorted(compareFindings),
  };
}

function compareFindings(a: Finding, b: Finding): number {
  return compareBytes(a.rule, b.rule) || compareBytes(a.path, b.path) || compareBytes(a.subject, b.subject);
}
