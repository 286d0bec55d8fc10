import { describe, expect, it } from 'vitest';
import { expandVariables, findVariables, substituteVariables } from '../../../src/domain/variables.ts';

const TEXT = 'cp "${recipe}/a" ${dest} $file $${file} $(pwd) ${dest}';

describe('variables', () => {
  it('are found once each, without the escaped and those of the shell', () => {
    expect(findVariables(TEXT)).toEqual(['recipe', 'dest']);
  });

  it('are replaced if there is a value; others are left', () => {
    expect(substituteVariables(TEXT, { dest: '/d$1' })).toBe(
      'cp "${recipe}/a" /d$1 $file $${file} $(pwd) /d$1',
    );
  });

  it('are all replaced in the end, and escapes resolved', () => {
    expect(expandVariables(TEXT, { recipe: '/r', dest: '/d' })).toBe('cp "/r/a" /d $file ${file} $(pwd) /d');
  });

  it('without a value are refused in the end', () => {
    expect(() => expandVariables('${toString}', {})).toThrow('${toString}');
  });
});
