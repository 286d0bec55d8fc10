import type { Rule } from '../rule.ts';

/** A release contains only files, directories and symbolic links. */
export const specialFile: Rule = {
  name: 'special-file',
  remedy: 'drop it; programs create sockets and pipes in their instance',
  *checkEntry({ path, kind }) {
    if (kind === 'other') yield { path, subject: 'special file', message: 'is a socket, pipe or device' };
  },
};
