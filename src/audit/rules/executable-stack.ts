import { SEGMENT_EXECUTABLE, SegmentType } from '../../domain/elf/header.ts';
import type { Rule } from '../rule.ts';

/** No file requests an executable stack: glibc 2.41 and later refuse to load such a library. */
export const executableStack: Rule = {
  name: 'executable-stack',
  remedy: 'link with -Wl,-z,noexecstack, and mark assembler sources with .note.GNU-stack',
  *checkEntry({ path, elf }) {
    if (elf?.file.dynamic === undefined) return;
    const stack = elf.file.segments.find(({ type }) => type === SegmentType.gnuStack);
    if (stack !== undefined && (stack.flags & SEGMENT_EXECUTABLE) === 0) return;
    const how =
      stack === undefined
        ? 'does not declare that it needs no executable stack'
        : 'requests an executable stack';
    yield { path, subject: 'PT_GNU_STACK', message: how };
  },
};
