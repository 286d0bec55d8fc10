import { describe, expect, it } from 'vitest';
import { parsePlatform } from '../../../src/domain/platform.ts';
import {
  manylinuxFloor,
  parseWheelName,
  pickWheel,
  rankWheel,
  type WheelTarget,
} from '../../../src/domain/wheel-tag.ts';

function target(platform: string): WheelTarget {
  const parsed = parsePlatform(platform);
  if (parsed === undefined) throw new Error(platform);
  return { python: { major: 3, minor: 13 }, platform: parsed };
}

const FLOOR = target('x86_64-linux-gnu.2.17');

function fits(tags: string, at: WheelTarget = FLOOR): boolean {
  const wheel = parseWheelName(`pkg-1.0-${tags}.whl`);
  if (wheel === undefined) throw new Error(tags);
  return rankWheel(wheel, at) !== undefined;
}

describe('parseWheelName', () => {
  it('splits names, build tags and alternatives', () => {
    expect(
      parseWheelName('Oslo.Config_x-1.0-2b-py2.py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl'),
    ).toEqual({
      distribution: 'oslo-config-x',
      version: '1.0',
      build: { number: 2, text: 'b' },
      pythons: ['py2', 'py3'],
      abis: ['none'],
      platforms: ['manylinux_2_17_x86_64', 'manylinux2014_x86_64'],
    });
  });

  it.each(['pkg-1.0.tar.gz', 'pkg-1.0-py3-none.whl', 'pkg.whl', '../pkg-1.0-py3-none-any.whl'])(
    'refuses %s',
    (file) => {
      expect(parseWheelName(file)).toBeUndefined();
    },
  );
});

describe('manylinuxFloor', () => {
  it.each([
    ['manylinux1_x86_64', 'x86_64', 5],
    ['manylinux2010_x86_64', 'x86_64', 12],
    ['manylinux2014_aarch64', 'aarch64', 17],
    ['manylinux_2_34_x86_64', 'x86_64', 34],
  ])('%s', (tag, arch, minor) => {
    expect(manylinuxFloor(tag)).toEqual({ arch, floor: { major: 2, minor } });
  });

  it.each(['any', 'linux_x86_64', 'musllinux_1_2_x86_64', 'manylinux2020_x86_64'])(
    '%s promises none',
    (tag) => {
      expect(manylinuxFloor(tag)).toBeUndefined();
    },
  );
});

describe('rankWheel', () => {
  it.each([
    'py3-none-any',
    'py2.py3-none-any',
    'py310-none-any',
    'cp313-none-any',
    'cp313-cp313-manylinux2014_x86_64',
    'cp39-abi3-manylinux_2_17_x86_64',
    'cp313-abi3-manylinux1_x86_64',
    'py3-none-manylinux_2_5_x86_64',
    'cp313-cp313-manylinux_2_28_x86_64.manylinux_2_17_x86_64',
  ])('%s fits CPython 3.13 at 2.17', (tags) => {
    expect(fits(tags)).toBe(true);
  });

  it.each([
    'py2-none-any',
    'py314-none-any',
    'cp312-cp312-manylinux2014_x86_64',
    'cp313-cp313t-manylinux2014_x86_64',
    'cp314-abi3-manylinux2014_x86_64',
    'cp27-abi3-manylinux2014_x86_64',
    'pp311-pypy311_pp73-manylinux2014_x86_64',
    'cp313-cp313-manylinux_2_24_x86_64',
    'cp313-cp313-manylinux_2_18_x86_64',
    'cp313-cp313-manylinux2014_aarch64',
    'cp313-cp313-linux_x86_64',
    'cp313-cp313-musllinux_1_2_x86_64',
    'cp313-cp313-win_amd64',
  ])('%s does not', (tags) => {
    expect(fits(tags)).toBe(false);
  });

  it('knows other floors and architectures', () => {
    expect(fits('cp313-cp313-manylinux_2_24_x86_64', target('x86_64-linux-gnu.2.28'))).toBe(true);
    expect(fits('cp313-cp313-manylinux2014_aarch64', target('aarch64-linux-gnu.2.17'))).toBe(true);
    expect(fits('cp313-cp313-manylinux2014_x86_64', target('aarch64-linux-gnu.2.17'))).toBe(false);
  });
});

describe('pickWheel', () => {
  /** Best first. */
  const ORDER = [
    'a-1-2-cp313-cp313-manylinux_2_17_x86_64.whl',
    'a-1-1b-cp313-cp313-manylinux_2_17_x86_64.whl',
    'a-1-1-cp313-cp313-manylinux_2_17_x86_64.whl',
    'a-1-cp313-cp313-manylinux_2_17_x86_64.whl',
    'a-1-cp313-cp313-manylinux_2_5_x86_64.whl',
    'a-1-cp39-abi3-manylinux_2_17_x86_64.whl',
    'a-1-cp38-abi3-manylinux_2_17_x86_64.whl',
    'a-1-cp313-none-manylinux_2_17_x86_64.whl',
    'a-1-py3-none-manylinux_2_17_x86_64.whl',
    'a-1-cp313-none-any.whl',
    'a-1-py312-none-any.whl',
    'a-1-py3-none-any.whl',
  ];

  it('takes the best, in any order of the files', () => {
    for (const start of ORDER.keys()) {
      const files = ORDER.slice(start);
      expect(pickWheel(files, FLOOR)).toBe(ORDER[start]);
      expect(pickWheel(files.toReversed(), FLOOR)).toBe(ORDER[start]);
    }
  });

  it('finds none if none fits', () => {
    expect(pickWheel(['a-1-cp313-cp313-manylinux_2_24_x86_64.whl', 'a-1.tar.gz'], FLOOR)).toBeUndefined();
  });
});
