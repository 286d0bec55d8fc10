import { expect, test } from 'vitest';
import { parsePage } from '../../../src/fetch/python-page.ts';

const digest = 'ab'.repeat(32);
const url = 'https://index.example/simple/demo/';
const html = (text: string, from = url) => parsePage({ text, mediaType: 'text/html', url: from });

test('an HTML page: relative, absolute and escaped links, with and without digest', () => {
  expect(
    html(`<!DOCTYPE html><html><head><title>Links</title></head><body>
      <a href="../../packages/demo-1.tar.gz#sha256=${digest}" data-requires-python="&gt;=3.9">demo-1.tar.gz</a><br/>
      <A class=x HREF='https://files.example/demo-1-py3-none-any.whl?a=1&amp;b=2#sha256=${digest.toUpperCase()}'>demo</A>
      <a href=demo-1%2Blocal.whl>demo</a>
      <a data-yanked="" href="demo-2.whl#md5=00">demo-2.whl</a>
      <a name="none">nothing</a>
    </body></html>`),
  ).toEqual([
    { file: 'demo-1.tar.gz', url: 'https://index.example/packages/demo-1.tar.gz', sha256: digest },
    {
      file: 'demo-1-py3-none-any.whl',
      url: 'https://files.example/demo-1-py3-none-any.whl?a=1&b=2',
      sha256: digest,
    },
    { file: 'demo-1+local.whl', url: 'https://index.example/simple/demo/demo-1%2Blocal.whl' },
    { file: 'demo-2.whl', url: 'https://index.example/simple/demo/demo-2.whl' },
  ]);
});

test('an HTML page may have a base', () => {
  expect(html('<base href="/files/"><a href="a.whl">a</a>')).toEqual([
    { file: 'a.whl', url: 'https://index.example/files/a.whl' },
  ]);
});

test('a JSON page', () => {
  const text = JSON.stringify({
    meta: { 'api-version': '1.1' },
    name: 'demo',
    files: [
      { filename: 'a.whl', url: '/files/a.whl', hashes: { sha256: digest }, yanked: 'broken' },
      { filename: 'b.whl', url: 'https://files.example/b.whl', hashes: {} },
      { filename: 'c.whl' },
      'd.whl',
    ],
  });
  expect(parsePage({ text, mediaType: 'application/vnd.pypi.simple.v1+json', url })).toEqual([
    { file: 'a.whl', url: 'https://index.example/files/a.whl', sha256: digest },
    { file: 'b.whl', url: 'https://files.example/b.whl' },
  ]);
});

test('a JSON page lists attestations from version 1.3 on', () => {
  const page = (version: unknown) =>
    parsePage({
      text: JSON.stringify({
        meta: { 'api-version': version },
        files: [
          { filename: 'a.whl', url: 'a.whl', provenance: 'https://index.example/a.provenance' },
          { filename: 'b.whl', url: 'b.whl', provenance: null },
          { filename: 'c.whl', url: 'c.whl' },
        ],
      }),
      mediaType: 'application/json',
      url,
    }).map(({ isAttested }) => isAttested);
  for (const version of ['1.3', '1.10']) expect(page(version)).toEqual([true, false, false]);
  for (const version of ['1.2', '2.0', '1.x', 1.3, undefined])
    expect(page(version)).toEqual([undefined, undefined, undefined]);
});

test('credentials of the page are sent only to its own server', () => {
  const from = 'https://user:pass@index.example/simple/demo/';
  expect(
    html('<a href="a.whl">a</a> <a href="https://files.example/b.whl">b</a>', from).map((file) => file.url),
  ).toEqual(['https://user:pass@index.example/simple/demo/a.whl', 'https://files.example/b.whl']);
});

test('odd pages list nothing', () => {
  expect(html('')).toEqual([]);
  expect(html('<a href="&#97;&#x62;&#x110000;&copy;">x</a>').map((file) => file.url)).toEqual([`${url}ab&`]);
  expect(html('<a href="https://[bad">x</a><a href="%">y</a>').map((file) => file.file)).toEqual(['%']);
  expect(parsePage({ text: '[]', mediaType: 'application/json', url })).toEqual([]);
  expect(() => parsePage({ text: '<html>', mediaType: 'application/json', url })).toThrow(SyntaxError);
});
