import { describe, expect, it } from 'vitest';
import { parseEntryPoints, parseHeaders, statedLicense } from '../../../src/assemble/wheel/metadata.ts';

describe('statedLicense', () => {
  const text = 'the whole text '.repeat(9).trim();
  it.each([
    ['License-Expression: Apache-2.0\nLicense: other', ['Apache-2.0', 'other'], []],
    ['License: BSD\nClassifier: License :: OSI Approved :: BSD License', ['BSD', 'BSD License'], []],
    [
      `License: ${text}\nClassifier: License :: OSI Approved\nClassifier: License :: OSI Approved :: MIT License`,
      ['MIT License'],
      [text],
    ],
    ['License: UNKNOWN\nClassifier: Topic :: x', [], []],
    ['Name: x\n\nLicense: in the description', [], []],
  ])('of %j is %j', (headers, names, texts) => {
    expect(statedLicense(parseHeaders(headers))).toEqual({ names, texts });
  });
});

describe('parseEntryPoints', () => {
  it('reads one group, without names, extras and comments', () => {
    const text =
      '# c\n[other]\na = b:c\n\n[console_scripts]\nx = m.n:f\n; c\ny=m:g [extra]\nz = m : C.run\n[more]\nq = r:s\n';
    expect(parseEntryPoints(text, 'console_scripts')).toEqual(['m.n:f', 'm:g', 'm:C.run']);
  });
});
