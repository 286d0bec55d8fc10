import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FORMAT } from '../../../src/build/key.ts';
import { hashBytes } from '../../../src/io/files.ts';

const SRC = path.join(import.meta.dirname, '..', '..', '..', 'src');

/**
 * The modules that decide the bytes of an artifact besides the recipe: what steps see, and how installed files become a
 * tar.
 */
const MAKES = [
  'build/artifact.ts',
  'build/component.ts',
  'build/environment.ts',
  'build/steps.ts',
  'build/toolchain.ts',
  'domain/compare-bytes.ts',
  'domain/glob.ts',
  'domain/layout.ts',
  'domain/platform.ts',
  'domain/variables.ts',
  'io/archive/format.ts',
  'io/archive/pack.ts',
  'io/archive/tar-header.ts',
  'io/archive/tar-reader.ts',
  'io/archive/tree-writer.ts',
  'io/archive/unpack.ts',
  'io/archive/zip-reader.ts',
  'io/confinement-script.ts',
  'io/confinement.ts',
  'io/text.ts',
];

/**
 * The modules that these import but that cannot change a byte: they refuse, explain, or have only one correct result.
 */
const CANNOT = [
  'build/missing-program.ts',
  'build/tools.ts',
  'domain/digest.ts',
  'domain/errors.ts',
  'domain/host-tool-missing.ts',
  'domain/inner-path.ts',
  'domain/quote-for-shell.ts',
  'io/archive.ts',
  'io/archive/byte-reader.ts',
  'io/archive/debian-package.ts',
  'io/archive/decompress.ts',
  'io/archive/entry.ts',
  'io/archive/guard.ts',
  'io/archive/gzip.ts',
  'io/archive/leading-file.ts',
  'io/archive/release-tarball.ts',
  'io/disk.ts',
  'io/files.ts',
  'io/find-program.ts',
  'io/growing-file.ts',
  'io/hashed.ts',
  'io/if-there.ts',
  'io/process.ts',
  'io/program-output.ts',
];

/** A module without lines that never run: comments and imports of types. */
async function codeOf(module: string): Promise<string> {
  const text = await readFile(path.join(SRC, module), 'utf8');
  return text
    .replaceAll(/^import type [^;]*;$/gmu, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(?:\/\/|\/?\*)/u.test(line))
    .join('\n');
}

test('the key of artifacts covers the code that makes them: write the received value into src/build/key.ts', async () => {
  const code = await Promise.all(MAKES.map(codeOf));
  expect(hashBytes(JSON.stringify(code)).slice(0, 16)).toBe(FORMAT);
});

test('every module that makes artifacts is listed as deciding their bytes, or not', async () => {
  const reached = new Set<string>();
  const visit = async (module: string): Promise<void> => {
    if (reached.has(module)) return;
    reached.add(module);
    for (const [, name = ''] of (await codeOf(module)).matchAll(/from '(\.[^']+)'/gu))
      await visit(path.posix.join(path.posix.dirname(module), name));
  };
  for (const entry of ['build/component.ts', 'build/toolchain.ts', 'build/tools.ts']) await visit(entry);
  expect([...reached].toSorted()).toEqual([...MAKES, ...CANNOT].toSorted());
});
