import { expect, it } from 'vitest';
import { nearest } from '../../../src/domain/nearest.ts';

it.each([
  ['zlip', 'zlib'],
  ['opnessl', 'openssl'],
  ['HTTPD', 'httpd'],
  ['htpd', 'httpd'],
])('%s is meant for %s', (typo, name) => {
  expect(nearest(typo, ['openssl', 'zlib', 'httpd'])).toBe(name);
});

it('suggests nothing unless it is a typo', () => {
  expect(nearest('memcached', ['openssl', 'zlib', 'httpd'])).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
});
