import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ANSWER_TYPES } from '../../../src/domain/service.ts';
import { matchesRule, mismatchOfType } from '../../../src/recipe/answer-values.ts';
import { isLicense } from '../../../src/domain/license.ts';
import { correctLicense } from '../../../src/recipe/licenses.ts';
import {
  findVersion,
  isGlob,
  isDay,
  isPattern,
  isRequirement,
  isUrl,
  urlFile,
  parseArchiveUrl,
  VERSION,
} from '../../../src/recipe/syntax.ts';

describe('a version', () => {
  it.each([
    '30.0.0',
    '2.1.13',
    '1.0.8',
    '3.53.4',
    '10.48',
    '235',
    '2.1.13-stable',
    '3.13.0rc1',
    '1.1.1w',
    '0.17.0-dev.12+a1b2',
    '4.0.0.post1',
    '2026a',
  ])('is %s', (text) => expect(text).toMatch(VERSION));

  it.each(['', 'latest', 'v1.2', '1.', '.1', '1..2', '1.2 ', '1.2-', 'R_2_8_3', '>=1.2', '1.2,1.3', '1.*'])(
    'is not %j',
    (text) => expect(text).not.toMatch(VERSION),
  );

  it.each([
    ['v1.3.2', '1.3.2'],
    ['zlib-1.3.2', '1.3.2'],
    ['==1.2', '1.2'],
    ['latest', undefined],
    ['1.*', undefined],
  ])('is found in %s', (text, version) => expect(findVersion(text)).toBe(version));
});

describe('a URL of an archive', () => {
  it('is an address, a path in the Debian pool or a file of the Python index', () => {
    expect(parseArchiveUrl('https://example.org/a/b-1.tar.gz')).toEqual({
      kind: 'https',
      href: 'https://example.org/a/b-1.tar.gz',
    });
    expect(parseArchiveUrl('debian:z/zlib/zlib_1.3.dfsg+really1.3.2.orig.tar.gz')).toEqual({
      kind: 'debian',
      path: 'z/zlib/zlib_1.3.dfsg+really1.3.2.orig.tar.gz',
    });
    expect(parseArchiveUrl('python:mod_wsgi/mod_wsgi-6.1.1.tar.gz')).toEqual({
      kind: 'python',
      project: 'mod-wsgi',
      file: 'mod_wsgi-6.1.1.tar.gz',
    });
  });

  it.each([
    'http://example.org/a',
    'https://user@example.org/a',
    'https://deb.example.org/debian/pool/main/z/zlib/a.tar.gz',
    'file:///etc/passwd',
    'debian:/z/zlib/a',
    'debian:z/../a',
    'debian:zlib',
    'python:zlib',
    'python:a/../b',
    'python:a/b/c',
    'zlib.tar.gz',
    '',
  ])('is not %j', (text) => expect(parseArchiveUrl(text)).toBeUndefined());

  it.each([
    ['https://example.org/a/b-1.tar.gz?raw=1', 'b-1.tar.gz'],
    ['debian:b/b/b_1.orig.tar.gz', 'b_1.orig.tar.gz'],
    ['python:b/b-1.tar.gz', 'b-1.tar.gz'],
  ])('%s ends in a file name', (text, file) => {
    const url = parseArchiveUrl(text);
    expect(url === undefined ? undefined : urlFile(url)).toBe(file);
  });
});

describe('forms of values', () => {
  it.each([
    [
      isUrl,
      ['https://zlib.net', 'https://example.org:8443/a?b#c'],
      ['http://zlib.net', 'https://a:b@c.org', 'https://local', 'zlib.net', 'https://a.org/ b'],
    ],
    [isDay, ['2026-11-29', '2024-02-29'], ['', '2026-02-29', '2026-13-01', '26-1-1', '2026-11-29T00:00:00Z']],
    [
      isGlob,
      ['*', 'lib/**', 'lib/{a,b}*.so', 'a?/[x]'],
      ['', '.', '/lib', 'a/../b', 'lib/{a', 'lib/a}', '{a,{b}}'],
    ],
    [isPattern, ['[a-z]+', '(?:a|b){2,3}', '(?=.*x).+'], ['[a', '(?<n>a)', '(?P<n>a)', '\\p{L}', 'a{2,1}']],
    [
      isRequirement,
      [
        'keystone==30.0.0',
        'a[b,c]>=1,<2',
        "a ; python_version < '4'",
        'a_b.c ~= 1.2',
        'a (>=1)',
        'a @ https://example.org/a.whl',
      ],
      ['', '==1', 'a b', '-r file', 'a==1 b==2 \n'],
    ],
    [
      isLicense,
      ['MIT', 'GPL-2.0-or-later WITH GCC-exception-2.0', '(MIT OR Zlib) AND X11', 'LicenseRef-own'],
      ['', 'MIT,', 'Apache 2', 'BSD'],
    ],
  ] as const)('%o', (accepts, good, bad) => {
    expect(good.filter((text) => !accepts(text))).toEqual([]);
    expect(bad.filter((text) => accepts(text))).toEqual([]);
  });

  it.each([
    ['Apache2', 'Apache-2.0'],
    ['apache-2', 'Apache-2.0'],
    ['MIT OR BSD3-Clause', 'MIT OR BSD-3-Clause'],
    ['GPL', undefined],
    ['proprietary', undefined],
  ])('the licence %s is corrected to %s', (text, license) => expect(correctLicense(text)).toBe(license));
});

/** Values of every type with the expected results; the installer's tests read this file, too. */
const VALUES = z
  .object({
    types: z.record(
      z.enum(ANSWER_TYPES),
      z.object({ valid: z.record(z.string(), z.string()), invalid: z.array(z.string()) }),
    ),
    rules: z.array(z.object({ rule: z.string(), valid: z.array(z.string()), invalid: z.array(z.string()) })),
  })
  .parse(
    JSON.parse(readFileSync(path.join(import.meta.dirname, '../../fixtures/answer-values.json'), 'utf8')),
  );

describe('values of answers', () => {
  it.each(ANSWER_TYPES)('of the type %s', (type) => {
    const { valid, invalid } = VALUES.types[type];
    expect(Object.keys(valid).filter((text) => mismatchOfType(type, text) !== undefined)).toEqual([]);
    expect(invalid.filter((text) => mismatchOfType(type, text) === undefined)).toEqual([]);
  });

  it.each(VALUES.rules)('of the rule $rule', ({ rule, valid, invalid }) => {
    expect(isPattern(rule)).toBe(true);
    expect(valid.filter((text) => !matchesRule(rule, text))).toEqual([]);
    expect(invalid.filter((text) => matchesRule(rule, text))).toEqual([]);
  });
});
