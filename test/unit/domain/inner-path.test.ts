import { describe, expect, it } from 'vitest';
import { isInnerLink, isInnerPath } from '../../../src/domain/inner-path.ts';

describe('a path below its base', () => {
  it.each(['a', 'a/b c', '.a', 'a..b/…', 'Ünïcode'])('%j is one', (path) => {
    expect(isInnerPath(path)).toBe(true);
  });

  it.each(['', '.', '..', '/a', 'a/', '../a', 'a/../b', 'a/./b', 'a//b', 'a\\b'])('%j is not one', (path) => {
    expect(isInnerPath(path)).toBe(false);
  });

  it.each(['\n', '\r', '\0', '\t', '\u001b', '\u007f', '\u009b'])('a name with %j is not one', (control) => {
    expect(isInnerPath(`a${control}b`)).toBe(false);
  });
});

describe('a link below its base', () => {
  it.each([
    ['a', 'b'],
    ['lib/a', '../bin/b'],
    ['lib/a', '..'],
    ['a/b/c', '../../d'],
    ['a/b', './c/../../d'],
  ])('%j -> %j is one', (path, target) => {
    expect(isInnerLink(path, target)).toBe(true);
  });

  it.each([
    ['a', '/etc'],
    ['a', '..'],
    ['lib/a', '../../b'],
    ['lib/a', 'x/../../../lib'],
    ['a', ''],
    ['a', 'b\nc'],
  ])('%j -> %j is not one', (path, target) => {
    expect(isInnerLink(path, target)).toBe(false);
  });
});
