import { expect, it } from 'vitest';
import { visible, visibleInJson, visibleJson } from '../../../src/domain/visible.ts';

const HOSTILE = 'a\u001B]0;b\u0007\u009B31m\rc\nerror: d\u007F\u202Ee\u2066\u2028\tö\\x1b';

it('text becomes one line, with control characters escaped', () => {
  expect(visible(HOSTILE)).toBe(
    String.raw`a\x1b]0;b\x07\x9b31m\x0dc\x0aerror: d\x7f\u202ee\u2066\u2028\x09ö\x1b`,
  );
});

it('JSON keeps its value and its lines', () => {
  const value = { [HOSTILE]: [HOSTILE, 1] };
  for (const indent of [undefined, 2]) {
    const text = visibleJson(value, indent);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).toMatch(/^[\n -~ö]*$/);
    expect(text.split('\n')).toHaveLength(indent === undefined ? 1 : 6);
  }
  const foreign = '{\r\n\t"a": "\u009B\\n\u007F"\r\n}';
  expect(JSON.parse(visibleInJson(foreign))).toEqual(JSON.parse(foreign));
  expect(visibleInJson(foreign)).toMatch(/^[\n -~]*$/);
});
