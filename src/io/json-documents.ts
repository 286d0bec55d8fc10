import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import { damagedArchive, collectContent } from './archive/entry.ts';
import { readZip } from './archive/zip-reader.ts';
import { listTree } from './files.ts';

export interface JsonDocument {
  /** Its path, with its name in an archive. */
  readonly place: string;
  readonly value: unknown;
}

/** Far more than any zipped collection of documents. */
const MAX_ENTRIES = 2_000_000;

/**
 * Visits every JSON document in `file`: a document (`.json`, or `.json.gz`), a zip of documents, or a directory tree
 * with any of these; ignores other files. Reads a directory in byte order of its paths, one document at a time. Throws
 * `KSB_ARCHIVE_DAMAGED` with the name of an unreadable file, and what `visit` throws.
 */
export async function visitJsonDocuments(
  file: string,
  visit: (document: JsonDocument) => void,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  if ((await stat(file)).isDirectory()) {
    for (const { path: name, kind } of await listTree(file))
      if (kind === 'file') await visitJsonDocuments(path.join(file, name), visit, signal);
  } else if (file.endsWith('.zip')) {
    await readZip({ file, name: file, maxEntries: MAX_ENTRIES }, async ({ path: name, content }) => {
      signal?.throwIfAborted();
      const place = `${file}/${name}`;
      if (name.endsWith('.json')) visit({ place, value: parse(await collectContent(content), place) });
    });
  } else if (file.endsWith('.json.gz')) {
    visit({ place: file, value: parse(await gunzip(file), file) });
  } else if (file.endsWith('.json')) {
    visit({ place: file, value: parse(await readFile(file), file) });
  }
}

async function gunzip(file: string): Promise<string> {
  const input = createReadStream(file);
  const output = input.pipe(createGunzip());
  input.on('error', (error) => output.destroy(error));
  return text(output).catch((error: unknown) => {
    throw damagedArchive(file, error instanceof Error ? error.message : String(error), error);
  });
}

function parse(content: Buffer | string, place: string): unknown {
  try {
    return JSON.parse(content.toString());
  } catch (error) {
    throw damagedArchive(place, error instanceof Error ? error.message : String(error), error);
  }
}
