import { describe, expect, it } from 'vitest';
import { isLater } from '../../../src/domain/version.ts';

describe('which version is later', () => {
  it.each([
    ['30.0.0', '29.1.0', true],
    ['29.1.0', '29.0.2', true],
    ['10.0', '9.9', true],
    ['1.0.1', '1.0', true],
    ['1.0.0', '1.0', false],
    ['29.0.2', '29.1.0', false],
    ['30.0.0rc1', '30.0.0', false],
    ['30.0.0', '30.0.0', false],
  ])('%s after %s: %s', (version, other, later) => {
    expect(isLater(version, other)).toBe(later);
  });
});
