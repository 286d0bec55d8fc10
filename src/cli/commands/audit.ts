import { openVulnerabilities } from '../../domain/advisories/report.ts';
import { formatAdvisories } from '../../domain/advisories/report-text.ts';
import { failures } from '../../domain/audit.ts';
import { formatAudit } from '../../domain/audit-text.ts';
import { ExitCode } from '../../domain/errors.ts';
import type { Call, RunCommand } from '../command.ts';
import { usageError } from '../usage-error.ts';
import { withInputFile } from './input-file.ts';
import { pathOption } from './path-option.ts';

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
    lines: [...(advisories === undefined ? [] : formatAdvisories(advisories)), ...formatAudit(report)],
    exitCode: isClean ? ExitCode.done : ExitCode.audit,
  };
};

/** Days. A month goes by between the releases of many projects, and people carry things through gaps monthly. */
const DEFAULT_MAX_AGE = 30;

function lookUpOptions(call: Call): { readonly database: string; readonly maxAge: number } | undefined {
  const database = pathOption(call, 'advisories');
  const days = call.flags['max-age'];
  if (days !== undefined && database === undefined)
    throw usageError(
      'KSB_BAD_USAGE',
      '--max-age says how old the database of --advisories may be',
      'give both',
    );
  if (database === undefined) return undefined;
  if (days !== undefined && !/^\d{1,6}$/u.test(days))
    throw usageError('KSB_BAD_VALUE', `--max-age is ${JSON.stringify(days)}`, 'give a whole number of days');
  return { database, maxAge: days === undefined ? DEFAULT_MAX_AGE : Number(days) };
}
