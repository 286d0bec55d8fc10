import { describe, expect, it } from 'vitest';
import { buildKey } from '../../../src/build/key.ts';
import { sha256 } from '../../../src/domain/digest.ts';
import { parsePlatform, type Platform } from '../../../src/domain/platform.ts';
import type { Component } from '../../../src/domain/recipe.ts';

const digest = (digit: string) => sha256(digit.repeat(64));

function platform(text: string): Platform {
  const parsed = parsePlatform(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const component: Component = {
  kind: 'component',
  name: 'zlib',
  version: '1.3.2',
  license: 'Zlib',
  summary: 'Deflate compression',
  sources: [{ into: '.', strip: 1, archives: [{ sha256: digest('1'), file: 'zlib.tar.gz', urls: [] }] }],
  weight: 1,
  inputs: [],
  tools: [],
  steps: [{ name: 'compile', command: { kind: 'argv', argv: ['make'] }, directory: '.', environment: {} }],
  environment: { CFLAGS: '-O2' },
  patches: [],
  files: [{ file: 'config.h', path: '/somewhere/config.h', sha256: digest('2') }],
  licenseFiles: ['LICENSE'],
  ship: ['lib/**'],
  drop: [],
  expect: [],
  exceptions: [],
  embeds: [],
  statements: [],
  pluginHosts: [],
  distributions: [],
  origin: { file: '/somewhere/recipe.toml', sha256: digest('3') },
};
const base = {
  component,
  platform: platform('x86_64-linux-gnu.2.17'),
  toolchain: digest('4'),
  inputs: new Map([['xz', digest('5')]]),
};

describe('buildKey', () => {
  it.each([
    ['the version', { component: { ...component, version: '1.3.3' } }],
    ['a flag', { component: { ...component, environment: { CFLAGS: '-O3' } } }],
    ['a step', { component: { ...component, steps: [] } }],
    [
      'a file beside the recipe',
      { component: { ...component, files: [{ file: 'config.h', path: '/x', sha256: digest('9') }] } },
    ],
    ['the toolchain', { toolchain: digest('9') }],
    ['the bytes of an input', { inputs: new Map([['xz', digest('9')]]) }],
    ['the floor', { platform: platform('x86_64-linux-gnu.2.28') }],
    ['the architecture', { platform: platform('aarch64-linux-gnu.2.17') }],
  ])('differs with %s', (_what, change) => {
    expect(buildKey({ ...base, ...change })).not.toBe(buildKey(base));
  });

  it.each([
    ['where the recipe lies', { origin: { file: '/elsewhere/recipe.toml', sha256: digest('8') } }],
    [
      'where its files lie',
      { files: [{ file: 'config.h', path: '/elsewhere/config.h', sha256: digest('2') }] },
    ],
    ['what of it ships', { ship: [], drop: ['**'] }],
    [
      'where its sources are fetched',
      {
        sources: [
          {
            into: '.',
            strip: 1,
            archives: [
              {
                sha256: digest('1'),
                file: 'other.tar.gz',
                urls: [{ kind: 'https' as const, href: 'https://example.org/other.tar.gz' }],
              },
            ],
          },
        ],
      },
    ],
  ])('does not depend on %s', (_what, change) => {
    expect(buildKey({ ...base, component: { ...component, ...change } })).toBe(buildKey(base));
  });
});
