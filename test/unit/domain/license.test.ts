import { describe, expect, it } from 'vitest';
import { asLicense, isLicense, licenseOfTexts, toLicense } from '../../../src/domain/license.ts';

const APACHE = '                  Apache License\n            Version 2.0, January 2004\n';
const BSD2 =
  '1. Redistributions of source code must retain the above copyright notice.\n2. Redistributions in binary form must\n   reproduce the above copyright notice.\n';
const BSD3 = `${BSD2}3. Neither the name of the holder may be used to endorse or promote products.\n`;
const BSD4 = `${BSD3}4. All advertising materials mentioning features must display this.\n`;
const PSF = 'PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2\n';

describe('toLicense', () => {
  it.each([
    ['MIT', 'MIT'],
    ['apache-2.0', 'Apache-2.0'],
    ['Apache 2.0', 'Apache-2.0'],
    ['Apache License, Version 2.0', 'Apache-2.0'],
    ['The MIT License (MIT)', 'MIT'],
    ['ISC License (ISCL)', 'ISC'],
    ['Modified BSD License', 'BSD-3-Clause'],
    ['Mozilla Public License 2.0 (MPL 2.0)', 'MPL-2.0'],
    ['MIT and Apache 2.0', 'MIT AND Apache-2.0'],
    ['LicenseRef-Repoze-BSD-derived', 'LicenseRef-Repoze-BSD-derived'],
  ])('%j is %s, whatever the texts', (stated, license) => {
    expect(toLicense(stated, [])).toBe(license);
    expect(toLicense(stated, [BSD2, PSF])).toBe(license);
  });

  it.each([
    ['BSD', [BSD2], 'BSD-2-Clause'],
    ['BSD License', ['Authors: me', BSD3], 'BSD-3-Clause'],
    ['BSD License', [BSD4], 'BSD-4-Clause'],
    ['Apache Software License', [APACHE], 'Apache-2.0'],
    ['PSFL', [PSF], 'PSF-2.0'],
    ['PSFL', [`BEOPEN.COM\n${PSF}`], 'Python-2.0'],
    ['Apache-2.0 or BSD', [APACHE, BSD3], 'Apache-2.0 OR BSD-3-Clause'],
  ])('%j is decided by its texts', (stated, texts, license) => {
    expect(toLicense(stated, texts)).toBe(license);
  });

  it.each([
    ['BSD', []],
    ['BSD', [APACHE]],
    // Which one is meant?
    ['BSD', [BSD2, BSD3]],
    ['BSD', [BSD3 + BSD2]],
    ['Dual License', [APACHE, BSD3]],
    ['MIT and BSD or Apache 2.0', [BSD3]],
    ['BSD License, Apache Software License', [APACHE, BSD3]],
  ])('%j is not decided by unknown texts', (stated, texts) => {
    expect(toLicense(stated, texts)).toBeUndefined();
  });
});

it('without a statement, the licence is that of its text, if there is one', () => {
  expect(licenseOfTexts(['Authors: me', BSD3])).toBe('BSD-3-Clause');
  expect(licenseOfTexts([BSD3, APACHE])).toBeUndefined();
  expect(licenseOfTexts(['Do what you want'])).toBeUndefined();
});

it('unknown words become a LicenseRef', () => {
  expect(asLicense('Apache License 2.0')).toBe('Apache-2.0');
  expect(asLicense('See (the) text!')).toBe('LicenseRef-See-the-text-');
  expect(isLicense(asLicense('§ ü'))).toBe(true);
});
