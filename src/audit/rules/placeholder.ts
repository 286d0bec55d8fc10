import type { Rule } from '../rule.ts';
import { describeBytes, findBytes } from './forbidden-bytes.ts';

/** No placeholder remains, except where a recipe declares that something overrides it at run time. */
export const placeholder: Rule = {
  name: 'placeholder',
  remedy: 'drop the file, or declare an exception that says what overrides the path at run time',
  *checkEntry({ path, target }, bytes, { placeholders }) {
    const content = target === undefined ? bytes : Buffer.from(target);
    for (const one of placeholders) {
      const found = findBytes(content, one.bytes);
      if (found !== undefined) yield describeBytes(path, one, found);
    }
  },
};
