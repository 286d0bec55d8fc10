import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrnoException } from '../domain/errors.ts';
import type { Verdict } from '../domain/host-check.ts';
import { STORE_DIRECTORIES } from './open.ts';

/**
 * Whether this account can read and write the directories of an opened store, and owns them. Reads no content: `ksbundle
 * cache verify` does.
 */
export async function examineStore(root: string, account = process.getuid?.()): Promise<Verdict> {
  for (const directory of [root, ...STORE_DIRECTORIES.map((name) => path.join(root, name))]) {
    try {
      await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      if (!isErrnoException(error)) throw error;
      return {
        state: 'fault',
        message: `this account cannot use the store's directory ${directory}`,
        why: error.message,
        hint: 'make this account its owner, or choose another store: --cache DIR, or KSBUNDLE_CACHE=DIR',
      };
    }
    const { uid } = await stat(directory);
    if (account !== undefined && uid !== account) {
      return {
        state: 'warning',
        message: `the store's directory ${directory} belongs to the account ${uid}, and this is account ${account}`,
        why: 'one account cannot replace what the other one wrote',
        hint: 'use a store for each account: --cache DIR, or KSBUNDLE_CACHE=DIR',
      };
    }
  }
  return { state: 'ok', message: `the store ${root} can be read and written` };
}
