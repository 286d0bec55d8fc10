import type { RunCommand } from '../command.ts';
import { formatBytes } from '../../domain/quantities.ts';
import { alignColumns } from './columns.ts';

export const run: RunCommand = async ({ open }) => {
  const { pipeline, context } = await open();
  const entries = await pipeline.listCache(context);
  const rows = entries.map(({ kind, sha256, size, name, signers = [] }) => [
    kind,
    sha256,
    formatBytes(size),
    [name, ...signers.slice(0, 1).map((key) => `signed with sha256:${key}`)].join(', '),
  ]);
  return { data: { entries }, lines: alignColumns(rows, [2]) };
};
