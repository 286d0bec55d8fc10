import type { Rule } from '../rule.ts';

/** A loader can read every file that starts like an ELF file. */
export const malformedElf: Rule = {
  name: 'malformed-elf',
  remedy: 'build the component again; if that does not help, drop the file',
  *checkEntry({ path, elfError }) {
    if (elfError?.kind !== 'malformed') return;
    yield { path, subject: 'malformed ELF file', message: `cannot be read: ${elfError.message}` };
  },
};
