import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, isErrnoException, KsbundleError } from '../domain/errors.ts';
import type { Emit } from '../domain/events.ts';
import type { Store } from '../domain/store.ts';
import { explainDiskFull } from '../io/disk.ts';
import { openBuildCache } from './builds.ts';
import { openContentStore } from './content.ts';
import { openTaskTimes } from './times.ts';

/** Directories that every store has. */
export const STORE_DIRECTORIES = ['sha256', 'builds', 'tmp'] as const;

/**
 * Opens the store at `root` and creates missing directories; emits warnings about damaged entries. Throws
 * `KSB_STORE_UNUSABLE` if that fails.
 */
export async function openStore(root: string, emit: Emit = () => undefined): Promise<Store> {
  const absolute = path.resolve(root);
  try {
    for (const directory of STORE_DIRECTORIES) {
      await mkdir(path.join(absolute, directory), { recursive: true });
    }
  } catch (error) {
    throw unusable(absolute, explainDiskFull(error, absolute));
  }
  const records = path.join(absolute, 'builds');
  const content = openContentStore(absolute, { records, emit });
  return {
    ...content,
    builds: openBuildCache(records, { content, emit }),
    times: openTaskTimes(path.join(absolute, 'times.json')),
  };
}

function unusable(root: string, error: unknown): unknown {
  if (!isErrnoException(error)) return error;
  return new KsbundleError({
    code: 'KSB_STORE_UNUSABLE',
    exitCode: ExitCode.failed,
    message: `cannot create the store at ${root}`,
    why: error.message,
    hint: 'choose another directory: --cache DIR, or KSBUNDLE_CACHE=DIR',
    cause: error,
  });
}
