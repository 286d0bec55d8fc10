import path from 'node:path';
import type { NewKind } from '../../domain/results.ts';
import type { Call, CommandResult } from '../command.ts';
import { alignColumns } from './columns.ts';

/**
 * Writes something new into the project of the working directory, or makes the directory a project, and prints what
 * to do `next`.
 */
export async function create(
  call: Call,
  kind: NewKind,
  next: (name: string) => readonly string[],
): Promise<CommandResult> {
  const { pipeline, context } = await call.open();
  const result = await pipeline.createNew(context, {
    kind,
    name: call.positionals[0] ?? '',
    project: call.settings.project ?? call.directory,
    url: call.flags.url,
  });
  return {
    data: result,
    lines: alignColumns([
      ...result.written.map((file) => ['wrote', path.relative(call.directory, file)]),
      ...next(result.name).map((step) => ['next', step]),
    ]),
  };
}
