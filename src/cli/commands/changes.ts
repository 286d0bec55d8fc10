import type { ChangedFile, ChangedPart } from '../../domain/results.ts';
import { formatBytes } from '../../domain/quantities.ts';
import { alignColumns } from './columns.ts';

/** The differences between two releases as text: every part, and every file whose change no version explains. */
export function describeChanges(parts: readonly ChangedPart[], files: readonly ChangedFile[]): string[] {
  return [
    ...alignColumns([['kind', 'name', 'from', 'to', 'size', 'differs in'], ...parts.map(partRow)], [4]),
    ...unexpected(parts, files),
  ];
}

export function countChanges(files: readonly ChangedFile[]): string {
  const count = (change: ChangedFile['change']): number =>
    files.filter((file) => file.change === change).length;
  return `${count('added')} files added, ${count('removed')} removed, ${count('changed')} changed`;
}

function partRow({ kind, name, from = '–', to = '–', changed, growth }: ChangedPart): string[] {
  const size = `${growth < 0 ? '−' : '+'}${formatBytes(Math.abs(growth))}`;
  return [kind, name, from, to, growth === 0 ? '' : size, changed.join(', ')];
}

/**
 * Changes that no version shows: files of parts with the same version on both sides, and files that install and
 * configure the release.
 */
function unexpected(parts: readonly ChangedPart[], files: readonly ChangedFile[]): string[] {
  const same = new Set(
    parts
      .filter(({ from, to }) => from === to)
      .map(({ kind, name }) => (kind === 'bundle' ? kind : `${kind}:${name}`)),
  );
  const installer = files.filter(({ part, path }) => !same.has(part) && path.startsWith('init/'));
  return [
    ...listFiles('files that install and configure it:', installer),
    ...listFiles(
      'in parts of the same version:',
      files.filter(({ part }) => same.has(part)),
    ),
  ];
}

function listFiles(title: string, files: readonly ChangedFile[]): string[] {
  if (files.length === 0) return [];
  return [
    '',
    title,
    ...alignColumns(files.map(({ path, change, changed }) => [change, path, changed.join(', ')])),
  ];
}
