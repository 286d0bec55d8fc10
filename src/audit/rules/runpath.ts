import path from 'node:path';
import { resolveRpathEntry } from '../../domain/rpath.ts';
import type { Rule } from '../rule.ts';

/**
 * Files find their libraries through a `DT_RPATH` that is relative to their own directory and stays in the release.
 */
export const runpath: Rule = {
  name: 'runpath',
  remedy: 'let relocation rewrite it: link with the placeholder RPATH of the compiler wrapper',
  *checkEntry({ path: file, elf }) {
    const { dynamic } = elf?.file ?? {};
    if (dynamic?.runpath !== undefined) {
      const message = `has DT_RUNPATH ${quote(dynamic.runpath)}, which glibc does not use for the libraries of its libraries`;
      yield { path: file, subject: 'DT_RUNPATH', message };
    }
    const directory = path.posix.dirname(file);
    for (const entry of [dynamic?.rpath, dynamic?.runpath].flatMap((value) => value?.split(':') ?? [])) {
      if (resolveRpathEntry(directory, entry) !== undefined) continue;
      const message = `searches for libraries in ${quote(entry)}, which does not lead from $ORIGIN to a directory of the release`;
      yield { path: file, subject: quote(entry), message };
    }
  },
};

function quote(text: string): string {
  return JSON.stringify(text);
}
