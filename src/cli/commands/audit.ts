import { openVulnerabilities } from '../../domain/advisories/report.ts';
import { formatAdvisories } from '../../domain/advisories/report-text.ts';
import { failures } from '../../domain/audit.ts';
import { formatAudit } from '../../domain/audit-text.ts';
import { ExitCode } from '../../domain/errors.ts';
import type { RunCommand } from '../command.ts';
import { withInputFile } from './input-file.ts';
import { lookUpOptions } from './look-up.ts';

export const run: RunCommand = async (call) => {
  const lookUp = lookUpOptions(call);
  const { pipeline, context } = await call.open();
  const report = await withInputFile(call, (file) => pipeline.auditPath(context, file, lookUp), {
    directories: true,
  });
  const { advisories } = report;
  const isClean =
    failures(report).length === 0 &&
    (advisories === undefined || openVulnerabilities(advisories).length === 0);
  return {
    data: report,
    lines: [...formatAudit(report), ...(advisories === undefined ? [] : formatAdvisories(advisories))],
    exitCode: isClean ? ExitCode.done : ExitCode.audit,
  };
};
