import { expect, test } from 'vitest';
import { compileGlob, compileGlobs } from '../../../src/domain/glob.ts';

test.each([
  ['lib/*.so', 'lib/libz.so', true],
  ['lib/*.so', 'lib/a/libz.so', false],
  ['lib/**/*.so', 'lib/libz.so', true],
  ['lib/**/*.so', 'lib/a/b/libz.so', true],
  ['lib/**', 'lib/a/b', true],
  ['lib/**', 'library', false],
  ['**/*.a', 'x.a', true],
  ['**/.hidden', 'a/.hidden', true],
  ['bin/{httpd,python3}', 'bin/python3', true],
  ['bin/{httpd,python3*}', 'bin/python3.13', true],
  ['bin/{httpd,python3}', 'bin/memcached', false],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['a.c', 'abc', false],
  ['a+(b)[c]', 'a+(b)[c]', true],
  ['lib', 'lib/x', false],
  ['*/stöne', 'key/stöne', true],
])('%s matches %s: %s', (glob, path, expected) => {
  expect(compileGlob(glob)(path)).toBe(expected);
});

test('several globs match if one of them does; an empty list matches nothing', () => {
  expect(compileGlobs(['a', 'b'])('b')).toBe(true);
  expect(compileGlobs([])('')).toBe(false);
});
