import { failures } from '../../domain/audit.ts';
import { formatAudit } from '../../domain/audit-text.ts';
import { ExitCode } from '../../domain/errors.ts';
import type { RunCommand } from '../command.ts';
import { withInputFile } from './input-file.ts';

export const run: RunCommand = async (call) => {
  const { pipeline, context } = await call.open();
  const report = await withInputFile(call, (file) => pipeline.auditPath(context, file), {
    directories: true,
  });
  const exitCode = failures(report).length > 0 ? ExitCode.audit : ExitCode.done;
  return { data: report, lines: formatAudit(report), exitCode };
};
