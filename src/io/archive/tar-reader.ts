import { once } from 'node:events';
import { Parser, type ReadEntry } from 'tar';
import { damagedArchive, hostileArchive, type ArchiveEntry, type VisitEntry } from './entry.ts';

const KINDS: Readonly<Record<string, ArchiveEntry['kind']>> = {
  File: 'file',
  OldFile: 'file',
  ContiguousFile: 'file',
  Directory: 'directory',
  GNUDumpDir: 'directory',
  SymbolicLink: 'symlink',
  Link: 'hardlink',
};

/**
 * Visits every entry of a tar. Reads and ignores bytes after its end, so that the checksums of the compression around
 * it are verified. Throws `KSB_ARCHIVE_DAMAGED`, and what `visit` throws.
 */
export async function readTar(source: AsyncIterable<Buffer>, name: string, visit: VisitEntry): Promise<void> {
  const parser = new Parser({ strict: true });
  let ended = false;
  let visited: Promise<void> = Promise.resolve();
  const failed = new Promise<never>((_, reject) => {
    parser.on('error', (error: Error) => reject(damagedArchive(name, error.message, error)));
    parser.on('ignoredEntry', (entry: ReadEntry) =>
      reject(hostileArchive(name, entry.path, `is of a kind that is not unpacked (${entry.type})`)),
    );
    parser.on('eof', () => (ended = true));
    parser.on('entry', (entry: ReadEntry) => {
      visited = visited.then(() => visitWhole(entry, visit));
      visited.catch(reject);
    });
  });
  // `failed` is raced below. Without this handler, a failure between two races would end the process.
  failed.catch(() => undefined);
  const orFailure = (event: string): Promise<unknown> => Promise.race([once(parser, event), failed]);

  for await (const chunk of source) {
    if (!ended && !parser.write(chunk)) await orFailure('drain');
  }
  const end = orFailure('end');
  parser.end();
  await end;
  await Promise.race([visited, failed]);
}

/** Visits an entry and skips unread content; otherwise the parser would wait forever. */
async function visitWhole(entry: ReadEntry, visit: VisitEntry): Promise<void> {
  await visit(toEntry(entry));
  entry.resume();
}

function toEntry(entry: ReadEntry): ArchiveEntry {
  return {
    path: entry.path,
    kind: KINDS[entry.type] ?? 'other',
    type: entry.type,
    size: entry.size,
    target: entry.linkpath ?? '',
    content: entry,
    ...(entry.mode === undefined ? {} : { mode: entry.mode }),
    ...(entry.mtime === undefined ? {} : { mtime: entry.mtime }),
  };
}
