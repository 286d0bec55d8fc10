import { expect, test } from 'vitest';
import { resolveRpathEntry } from '../../../src/domain/rpath.ts';

test.each([
  ['$ORIGIN', 'a/b'],
  ['$ORIGIN/', 'a/b'],
  ['$ORIGIN/../x.libs', 'a/x.libs'],
  ['${ORIGIN}/..', 'a'],
  ['$ORIGIN/../..', '.'],
  ['$ORIGIN/../../..', undefined],
  ['$ORIGINAL', undefined],
  ['/usr/lib', undefined],
  ['lib', undefined],
  ['', undefined],
])('in a/b, %s is %s', (entry, expected) => {
  expect(resolveRpathEntry('a/b', entry)).toBe(expected);
});
