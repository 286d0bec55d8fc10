import { promisify } from 'node:util';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import {
  collectContent,
  damagedArchive,
  hostileArchive,
  type ArchiveEntry,
  type VisitEntry,
} from './entry.ts';

const openZip = promisify<string, yauzl.Options, ZipFile>(yauzl.open);

/** `versionMadeBy >> 8` of archives with Unix modes in their attributes (APPNOTE.TXT 4.4.2). */
const MADE_BY_UNIX = 3;
/** PATH_MAX of Linux. */
const LONGEST_TARGET = 4096;
const FILE_TYPE = 0o170000;
const FILE_TYPES: Readonly<Record<number, ArchiveEntry['kind']>> = {
  0: 'file',
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
};

export interface ZipToRead {
  readonly file: string;
  /** Name of the file in errors. */
  readonly name: string;
  /** Limit for the number of entries. A directory with more is refused before it is read. */
  readonly maxEntries: number;
}

/** Visits every entry of a zip, and checks sizes and CRCs. Throws `KSB_ARCHIVE_DAMAGED`, and what `visit` throws. */
export async function readZip({ file, name, maxEntries }: ZipToRead, visit: VisitEntry): Promise<void> {
  const damaged = (error: unknown): never => {
    throw damagedArchive(name, error instanceof Error ? error.message : String(error), error);
  };
  // With decodeStrings, yauzl itself would refuse bad names, without naming the archive.
  const options = { lazyEntries: true, autoClose: false, decodeStrings: false, validateEntrySizes: true };
  const zip = await openZip(file, options).catch(damaged);
  try {
    if (zip.entryCount > maxEntries)
      throw hostileArchive(name, undefined, `it has ${zip.entryCount} entries (limit ${maxEntries})`);
    const openContent = promisify<Entry, Readable>(zip.openReadStream.bind(zip));
    for (const entry of await readDirectory(zip).catch(damaged)) {
      await visit(await toEntry({ archive: name, entry, open: () => openContent(entry) }));
    }
  } finally {
    zip.close();
  }
}

function readDirectory(zip: ZipFile): Promise<Entry[]> {
  return new Promise((resolve, reject) => {
    const entries: Entry[] = [];
    zip.on('entry', (entry: Entry) => {
      entries.push(entry);
      zip.readEntry();
    });
    zip.once('end', () => resolve(entries));
    zip.once('error', reject);
    zip.readEntry();
  });
}

interface ZipEntryToRead {
  /** Name of the archive in errors. */
  readonly archive: string;
  readonly entry: Entry;
  readonly open: () => Promise<Readable>;
}

async function toEntry(source: ZipEntryToRead): Promise<ArchiveEntry> {
  const { archive, entry } = source;
  const name = nameOf(entry);
  const content = checkedContent(source);
  const mode = entry.versionMadeBy >> 8 === MADE_BY_UNIX ? entry.externalFileAttributes >>> 16 : undefined;
  const type = (mode ?? 0) & FILE_TYPE;
  const kind = name.endsWith('/') ? 'directory' : (FILE_TYPES[type] ?? 'other');
  if (kind === 'symlink' && entry.uncompressedSize > LONGEST_TARGET) {
    throw hostileArchive(archive, name, 'is a symbolic link with a target too long for any system');
  }
  return {
    path: name,
    kind,
    type: type.toString(8),
    mtime: decodeTime(entry),
    size: entry.uncompressedSize,
    // The content of a symbolic link is its target.
    target: kind === 'symlink' ? (await collectContent(content)).toString() : '',
    content,
    ...(mode === undefined ? {} : { mode: mode & 0o7777 }),
  };
}

/**
 * Without decodeStrings, the name is bytes, although its type says otherwise. A name without the UTF-8 flag is ASCII in
 * all archives that are read.
 */
function nameOf(entry: Entry): string {
  return (entry.fileName as unknown as Buffer).toString();
}

async function* checkedContent({ archive, entry, open }: ZipEntryToRead): AsyncGenerator<Buffer> {
  const damaged = (why: string, cause?: unknown): Error =>
    damagedArchive(archive, `${nameOf(entry)}: ${why}`, cause);
  let sum = 0;
  try {
    for await (const chunk of (await open()) as AsyncIterable<Buffer>) {
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error), error);
  }
  if (sum !== entry.crc32) throw damaged('its CRC-32 differs');
}

/**
 * DOS times have no time zone (APPNOTE.TXT 4.4.6). They are read as UTC, so that they are the same on every machine.
 */
function decodeTime({ lastModFileDate: date, lastModFileTime: time }: Entry): Date {
  const day = [1980 + (date >> 9), ((date >> 5) & 15) - 1, date & 31] as const;
  return new Date(Date.UTC(...day, time >> 11, (time >> 5) & 63, (time & 31) * 2));
}
