import type { AuditReport, Finding } from '../../domain/audit.ts';
import { ExitCode } from '../../domain/errors.ts';
import type { RunCommand } from '../command.ts';
import { withInputFile } from './input-file.ts';

export const run: RunCommand = async (call) => {
  const { pipeline, context } = await call.open();
  const report = await withInputFile(call, (file) => pipeline.auditPath(context, file), {
    directories: true,
  });
  const failed = report.findings.some(({ exception }) => exception === undefined);
  return { data: report, lines: reportLines(report), exitCode: failed ? ExitCode.audit : ExitCode.done };
};

function reportLines({ findings, filesScanned, elfFilesScanned, floor, rules }: AuditReport): string[] {
  const open = findings.filter(({ exception }) => exception === undefined);
  return [
    ...findings.flatMap(findingLines),
    `${filesScanned} files, ${elfFilesScanned} of them ELF, ${rules.length} rules, glibc floor ${floor ?? 'none'}`,
    `${open.length} findings, ${findings.length - open.length} declared exceptions`,
  ];
}

function findingLines({ rule, path, subject, message, remedy, exception }: Finding): string[] {
  const first = `${exception === undefined ? 'finding' : 'exception'} ${rule}: ${path}: ${subject}: ${message}`;
  return exception === undefined
    ? [first, `  remedy: ${remedy}`]
    : [first, `  reason: ${exception.reason}`, `  at run time: ${exception.override}`];
}
