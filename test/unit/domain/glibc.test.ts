import { expect, test } from 'vitest';
import { hostLibraries, parseGlibcSymbolVersion } from '../../../src/domain/glibc.ts';

test('the loader of the short list is that of the architecture', () => {
  const floor = { major: 2, minor: 17 };
  expect(hostLibraries({ arch: 'x86_64', floor })).toContain('ld-linux-x86-64.so.2');
  expect(hostLibraries({ arch: 'aarch64', floor })).toContain('ld-linux-aarch64.so.1');
  expect(hostLibraries({ arch: 'aarch64', floor })).not.toContain('ld-linux-x86-64.so.2');
});

test.each([
  ['GLIBC_2.17', { major: 2, minor: 17 }],
  ['GLIBC_2.2.5', { major: 2, minor: 2 }],
  ['GLIBC_PRIVATE', undefined],
  ['GLIBC_ABI_DT_RELR', undefined],
  ['GLIBCXX_3.4', undefined],
])('%s', (name, version) => {
  expect(parseGlibcSymbolVersion(name)).toEqual(version);
});
