import { describe, expect, it } from 'vitest';
import type { RangeEvent } from '../../../../src/domain/advisories/advisory.ts';
import { fixesAfter, isInRange } from '../../../../src/domain/advisories/ranges.ts';
import { comparePython, compareUpstream } from '../../../../src/domain/advisories/versions.ts';
import { randomFrom } from '../../../support/random.ts';

/** Each list is in order; all entries of one line are the same version. */
const PYTHON: readonly (readonly string[])[] = [
  ['2013.1.1.g9'],
  ['1.0.dev456'],
  ['1.0a1'],
  ['1.0a2.dev456'],
  ['1.0a12'],
  ['1.0b1.dev456'],
  ['1.0b2.post345'],
  ['1.0rc1'],
  ['1.0', '1', '1.0.0', 'v1.0'],
  ['1.0+abc.5'],
  ['1.0.post456'],
  ['1.1.dev1'],
  ['1!0.1'],
];

const UPSTREAM: readonly (readonly string[])[] = [
  ['0.9.8zh'],
  ['1.0.2-beta1', '1.0.2b1'],
  ['1.0.2rc1'],
  ['1.0.2', '1.0.2.0'],
  ['1.0.2a'],
  ['1.0.2u'],
  ['1.0.2zb'],
  ['1.0.2.1'],
  ['1.1.0'],
  ['2.1.13-stable'],
  ['2.4.9'],
  ['2.4.49'],
  ['10.42'],
];

describe.each([
  ['PEP 440, as its own example orders them', comparePython, PYTHON],
  ['upstream code', compareUpstream, UPSTREAM],
])('versions of %s', (_name, compare, order) => {
  it('have a total order', () => {
    for (const [i, left] of order.entries())
      for (const [j, right] of order.entries())
        for (const a of left)
          for (const b of right) expect([a, b, Math.sign(compare(a, b))]).toEqual([a, b, Math.sign(i - j)]);
  });
});

const byNumber = (a: string, b: string): number => Number(a) - Number(b);

/** A range of whole numbers, from `introduced 1, fixed 5`. */
function rangeOf(text: string): RangeEvent[] {
  return text.split(', ').map((event) => {
    const [kind, version = ''] = event.split(' ');
    return { kind: kind as RangeEvent['kind'], version };
  });
}

describe('a range', () => {
  it.each([
    ['introduced 0', '0123456789'],
    ['introduced 3', '3456789'],
    ['introduced 0, fixed 3', '012'],
    ['introduced 2, last_affected 4', '234'],
    ['introduced 1, fixed 3, introduced 5, fixed 7', '1256'],
    ['fixed 7, introduced 5, introduced 1, fixed 3', '1256'],
    ['introduced 1, fixed 3, introduced 3, fixed 5', '1234'],
    ['introduced 0, limit 4', '0123'],
    ['introduced 2, limit 4, limit 6', '2345'],
    ['introduced 2, limit *', '23456789'],
  ])('%s contains %s', (text, inside) => {
    const found = '0123456789'.split('').filter((version) => isInRange(version, rangeOf(text), byNumber));
    expect(found.join('')).toBe(inside);
  });

  it('of random events contains the same versions as a walk through them, in any order', () => {
    const random = randomFrom(20_261_121);
    for (let round = 0; round < 2000; round += 1) {
      const places = [...Array(30).keys()].filter(() => random() < 0.2);
      const inclusive = random() < 0.3;
      const range: RangeEvent[] = places.map((place, index) => ({
        kind: index % 2 === 0 ? 'introduced' : inclusive ? 'last_affected' : 'fixed',
        version: index === 0 && random() < 0.5 ? '0' : String(place),
      }));
      const walked: number[] = [];
      let affected = false;
      for (let version = 0; version < 30; version += 1) {
        const here = range.filter((event) => Number(event.version) === version);
        if (here.some(({ kind }) => kind === 'introduced')) affected = true;
        if (here.some(({ kind }) => kind === 'fixed')) affected = false;
        if (affected) walked.push(version);
        if (here.some(({ kind }) => kind === 'last_affected')) affected = false;
      }
      const listed = range.toSorted(() => random() - 0.5);
      const found = [...Array(30).keys()].filter((version) => isInRange(String(version), listed, byNumber));
      expect({ range, found }).toEqual({ range, found: walked });
    }
  });

  it('names the fixes that come after a version', () => {
    const range = rangeOf('introduced 5, fixed 7, introduced 1, fixed 3');
    expect(fixesAfter('2', range, byNumber)).toEqual(['3', '7']);
    expect(fixesAfter('5', range, byNumber)).toEqual(['7']);
    expect(fixesAfter('7', range, byNumber)).toEqual([]);
  });
});
