import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { quoteForShell } from '../../../src/domain/quote-for-shell.ts';

it.each(['plain', '', "it's", '$HOME `id` "x" \\', 'two\nlines', 'é *', '-n'])(
  'passes %j through a shell unchanged',
  (word) => {
    const told = execFileSync('sh', ['-c', `printf %s ${quoteForShell(word)}`], { encoding: 'utf8' });
    expect(told).toBe(word);
  },
);

it('leaves a word without special characters unquoted', () => {
  expect(quoteForShell('/usr/bin/a-b_c,d=1')).toBe('/usr/bin/a-b_c,d=1');
});
