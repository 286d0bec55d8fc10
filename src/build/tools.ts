import { createHash } from 'node:crypto';
import { mkdtemp, rename, symlink } from 'node:fs/promises';
import path from 'node:path';
import { isErrnoException } from '../domain/errors.ts';
import { exists, removeTree } from '../io/files.ts';

export interface Tool {
  readonly name: string;
  /** Absolute path on the host. */
  readonly path: string;
}

/**
 * A directory below `parent` that contains a link to each tool, under its name, and nothing else. With this directory
 * as PATH, a build finds only these programs of the host. The same tools give the same directory.
 */
export async function linkTools(parent: string, tools: readonly Tool[]): Promise<string> {
  const list = tools.map((tool) => `${tool.name}\0${tool.path}`).sort();
  const name = createHash('sha256').update(list.join('\n')).digest('hex').slice(0, 16);
  const directory = path.join(parent, `tools-${name}`);
  if (await exists(directory)) return directory;
  const temporary = await mkdtemp(path.join(parent, 'tmp-tools-'));
  for (const tool of tools) await symlink(tool.path, path.join(temporary, tool.name));
  try {
    await rename(temporary, directory);
  } catch (error) {
    await removeTree(temporary);
    if (!isErrnoException(error, 'ENOTEMPTY') && !isErrnoException(error, 'EEXIST')) throw error;
  }
  return directory;
}
