import { describe, expect, it } from 'vitest';
import { parseEntryPoints, parseHeaders, statedLicense } from '../../../src/assemble/wheel/metadata.ts';

describe('statedLicense', () => {
  it.each([
    ['License-Expression: Apache-2.0\nLicense: other', 'Apache-2.0'],
    ['License: BSD', 'BSD'],
    [
      `License: ${'the whole text '.repeat(9)}\nClassifier: License :: OSI Approved :: MIT License`,
      'MIT License',
    ],
    ['License: UNKNOWN\nClassifier: Topic :: x', undefined],
    ['Name: x\n\nLicense: in the description', undefined],
  ])('%j is %j', (text, license) => {
    expect(statedLicense(parseHeaders(text))).toBe(license);
  });
});

describe('parseEntryPoints', () => {
  it('reads one group, without names, extras and comments', () => {
    const text =
      '# c\n[other]\na = b:c\n\n[console_scripts]\nx = m.n:f\n; c\ny=m:g [extra]\nz = m : C.run\n[more]\nq = r:s\n';
    expect(parseEntryPoints(text, 'console_scripts')).toEqual(['m.n:f', 'm:g', 'm:C.run']);
  });
});
