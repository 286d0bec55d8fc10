import { compileGlob } from '../../domain/glob.ts';
import type { Rule } from '../rule.ts';

/** What the recipes promise is there; configure scripts leave modules out quietly. */
export const missingModule: Rule = {
  name: 'missing-module',
  remedy:
    "look into the component's build log for why it was left out: most often a header or library was not found",
  *checkRelease({ entries }, { expected, hosts }) {
    const wanted = [...expected, ...hosts.flatMap(({ program, preloaded }) => [program, ...preloaded])];
    for (const path of new Set(wanted)) {
      const matches = compileGlob(path);
      if (entries.some((entry) => matches(entry.path))) continue;
      yield { path, subject: path, message: 'is not in the release' };
    }
  },
};
