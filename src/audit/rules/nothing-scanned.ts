import type { Rule } from '../rule.ts';

/** An audit of no files proves nothing. */
export const nothingScanned: Rule = {
  name: 'nothing-scanned',
  remedy: 'check that the right directory is audited, and that the recipes ship what they build',
  *checkRelease({ entries, elfFiles }) {
    if (!entries.some(({ kind }) => kind === 'file')) {
      yield { path: '.', subject: 'files', message: 'is a release without files' };
    }
    if (elfFiles.length === 0)
      yield { path: '.', subject: 'ELF files', message: 'is a release without ELF files' };
  },
};
