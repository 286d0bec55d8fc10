import path from 'node:path';
import { resolveRpathEntry } from '../../domain/rpath.ts';
import type { Rule } from '../rule.ts';

/** Libraries are searched through `DT_RPATH`, in the release, from where the file lies. */
export const runpath: Rule = {
  name: 'runpath',
  remedy: 'let relocation rewrite it: link with the placeholder RPATH of the compiler wrapper',
  *checkEntry({ path: file, elf }) {
    const { dynamic } = elf?.file ?? {};
    if (dynamic?.runpath !== undefined) {
      const message = `has DT_RUNPATH ${quote(dynamic.runpath)}, which does not count for the libraries of its libraries`;
      yield { path: file, subject: 'DT_RUNPATH', message };
    }
    const directory = path.posix.dirname(file);
    for (const entry of [dynamic?.rpath, dynamic?.runpath].flatMap((value) => value?.split(':') ?? [])) {
      if (resolveRpathEntry(directory, entry) !== undefined) continue;
      const message = `has libraries searched in ${quote(entry)}, which is no directory of the release by way of $ORIGIN`;
      yield { path: file, subject: quote(entry), message };
    }
  },
};

function quote(text: string): string {
  return JSON.stringify(text);
}
