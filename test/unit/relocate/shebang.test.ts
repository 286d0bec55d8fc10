import { expect, test } from 'vitest';
import { parseShebang, relocateShebang } from '../../../src/relocate/shebang.ts';
import { relocateSymlink } from '../../../src/relocate/symlink.ts';

const SCRIPT = {
  file: 'bin/tool',
  executable: true,
  buildDirectories: ['/__ksbundle_prefix__', '/work/staging'],
  python: 'bin/python3',
};

test.each([
  ['#!/bin/sh', undefined],
  ['#! /bin/sh -e', undefined],
  ['#!/usr/bin/env sh', '#!/bin/sh'],
  ['#!/work/staging/bin/sh -e', '#!/bin/sh -e'],
  ['#!/work/staging/bin/perl', undefined],
  ['#!/usr/bin/perl', undefined],
  ['no shebang', undefined],
])('%s becomes %s', (line, expected) => {
  expect(relocateShebang(line, SCRIPT)).toBe(expected);
});

test.each([
  '#!/__ksbundle_prefix__/bin/python3.13',
  '#!/usr/bin/env python3',
  '#!/opt/build/python',
  '#!/usr/bin/env -S python3',
])('%s of an executable script becomes a launcher', (line) => {
  expect(relocateShebang(line, SCRIPT)?.split('\n')).toEqual([
    '#!/bin/sh',
    `'''exec' "$(dirname -- "$(readlink -f -- "$0")")/python3" "$0" "$@"`,
    "' '''",
  ]);
});

test('a launcher leads to the interpreter from any depth and keeps options', () => {
  const script = { ...SCRIPT, file: 'lib/python3.13/site-packages/x/y.py' };
  expect(relocateShebang('#!/usr/bin/python3 -E', script)).toContain(
    '/../../../../bin/python3" -E "$0" "$@"',
  );
});

test('a module that is not executable keeps its line unless it names a build directory', () => {
  const module = { ...SCRIPT, executable: false };
  expect(relocateShebang('#! /usr/bin/env python3', module)).toBeUndefined();
  expect(relocateShebang('#!/work/staging/bin/python3.13', module)).toBe('#!/usr/bin/env python3.13');
});

test('env is resolved', () => {
  expect(parseShebang('#!/usr/bin/env -S python3 -I')).toEqual({
    interpreter: '/usr/bin/env',
    name: 'python3',
    parameters: '-I',
  });
});

test.each([
  ['bin/python3', '/__ksbundle_prefix__/bin/python3.13', 'python3.13'],
  ['bin/x', '/__ksbundle_prefix__/lib/y', '../lib/y'],
  ['lib/a/b', '/__ksbundle_prefix__', '../..'],
  ['bin/x', '/__ksbundle_prefix__other/lib/y', undefined],
  ['bin/x', '/etc/passwd', undefined],
  ['bin/x', 'y', undefined],
])('the link %s to %s leads to %s', (file, target, expected) => {
  expect(relocateSymlink(file, target, ['/__ksbundle_prefix__'])).toBe(expected);
});
