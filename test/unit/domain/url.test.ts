import { expect, test } from 'vitest';
import { redactUrl } from '../../../src/domain/url.ts';

test.each([
  ['https://example.org/a?b=c#d', 'https://example.org/a?b=c#d'],
  ['https://user:pass@example.org/a', 'https://***@example.org/a'],
  ['https://user:p@ss@example.org/a', 'https://***@example.org/a'],
  ['https://token@example.org', 'https://***@example.org'],
  ['see http://u:p@a/ and http://v:q@b/', 'see http://***@a/ and http://***@b/'],
  ['https://example.org/mail@host', 'https://example.org/mail@host'],
  ['https://example.org/a?x=1&access_token=abc&y=2', 'https://example.org/a?x=1&access_token=***&y=2'],
  ['https://example.org/a?X-Amz-Signature=abc', 'https://example.org/a?X-Amz-Signature=***'],
  ['/some/path@2', '/some/path@2'],
])('%s is shown as %s', (text, expected) => {
  expect(redactUrl(text)).toBe(expected);
});
