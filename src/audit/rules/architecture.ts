import { machineName } from '../../domain/elf/header.ts';
import { architectureFacts } from '../../domain/platform.ts';
import type { Rule } from '../rule.ts';

/** Every ELF file is for the platform's machine. */
export const architecture: Rule = {
  name: 'architecture',
  remedy: 'build or fetch it for the platform, or drop it',
  *checkEntry({ path, elf, elfError }, _bytes, { platform }) {
    if (elfError?.kind === 'unsupported') {
      yield { path, subject: 'unsupported ELF file', message: `is ${elfError.message}` };
    } else if (elf !== undefined && elf.file.machine !== architectureFacts(platform).machine) {
      const subject = machineName(elf.file.machine);
      yield { path, subject, message: `is for ${subject}, the release for ${platform.arch}` };
    }
  },
};
