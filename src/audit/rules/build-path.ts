import type { Rule } from '../rule.ts';
import { describeBytes, findBytes } from './forbidden-bytes.ts';

/** No file, text or binary, contains the name of a directory of the build machine. */
export const buildPath: Rule = {
  name: 'build-path',
  remedy: 'map the directory away (-ffile-prefix-map), replace it after the build, or do not ship the file',
  *checkEntry({ path, target }, bytes, { forbidden }) {
    const content = target === undefined ? bytes : Buffer.from(target);
    for (const directory of forbidden) {
      const isWhole = (end: number): boolean => !isNameByte(content[end - 1]) || !isNameByte(content[end]);
      const found = findBytes(content, directory.bytes, isWhole);
      if (found !== undefined) yield describeBytes(path, directory, found);
    }
  },
};

/** Characters that continue a name: `/rootfs` does not contain `/root`. */
function isNameByte(byte: number | undefined): boolean {
  return byte !== undefined && /[\w.-]/.test(String.fromCharCode(byte));
}
