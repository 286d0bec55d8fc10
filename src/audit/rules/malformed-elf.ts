import type { Rule } from '../rule.ts';

/** What begins like an ELF file is one that a loader can read. */
export const malformedElf: Rule = {
  name: 'malformed-elf',
  remedy: 'build the component again; if that does not help, drop the file',
  *checkEntry({ path, elfError }) {
    if (elfError?.kind !== 'malformed') return;
    yield { path, subject: 'malformed ELF file', message: `cannot be read: ${elfError.message}` };
  },
};
