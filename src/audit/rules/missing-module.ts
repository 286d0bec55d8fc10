import { compileGlob } from '../../domain/glob.ts';
import type { Rule } from '../rule.ts';

/** The release contains every file that the recipes expect; configure scripts leave modules out without an error. */
export const missingModule: Rule = {
  name: 'missing-module',
  remedy:
    "read the component's build log to see why it was left out: usually a header or library was not found",
  *checkRelease({ entries }, { expected, hosts }) {
    const wanted = [...expected, ...hosts.flatMap(({ program, preloaded }) => [program, ...preloaded])];
    for (const path of new Set(wanted)) {
      const matches = compileGlob(path);
      if (entries.some((entry) => matches(entry.path))) continue;
      yield { path, subject: path, message: 'is not in the release' };
    }
  },
};
