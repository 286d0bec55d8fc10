import { describe, expect, test } from 'vitest';
import { proxyFor } from '../../../src/io/proxy.ts';

const choose = (url: string, environment: Record<string, string>) =>
  proxyFor(new URL(url), environment)?.href;

describe('the proxy of a URL', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ['http://a.example/', {}, undefined],
    ['http://a.example/', { http_proxy: 'http://p:1' }, 'http://p:1/'],
    ['http://a.example/', { HTTP_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['http://a.example/', { http_proxy: 'http://l:1', HTTP_PROXY: 'http://u:1' }, 'http://l:1/'],
    ['http://a.example/', { https_proxy: 'http://p:1' }, undefined],
    ['https://a.example/', { http_proxy: 'http://p:1' }, undefined],
    ['https://a.example/', { HTTPS_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['https://a.example/', { all_proxy: 'http://p:1' }, 'http://p:1/'],
    ['https://a.example/', { https_proxy: '', HTTPS_PROXY: ' ' }, undefined],
    ['https://a.example/', { https_proxy: 'p.example:3128' }, 'http://p.example:3128/'],
  ])('%s under %j is %s', (url, environment, expected) => {
    expect(choose(url, environment)).toBe(expected);
  });
});

describe('no_proxy', () => {
  test.each([
    ['http://a.example/', '*', true],
    ['http://a.example/', 'a.example', true],
    ['http://A.Example/', 'b.example, a.EXAMPLE', true],
    ['http://x.a.example/', 'a.example', true],
    ['http://x.a.example/', '.a.example', true],
    ['http://x.a.example/', '*.a.example', true],
    ['http://xa.example/', 'a.example', false],
    ['http://a.example/', 'a.example:80', true],
    ['http://a.example:8080/', 'a.example:80', false],
    ['http://127.0.0.1:5000/', '127.0.0.1', true],
    ['http://10.1.2.3/', '10.0.0.0/8', true],
    ['http://11.1.2.3/', '10.0.0.0/8', false],
    ['http://10.1.2.3/', '10.0.0.0/99', false],
    ['http://[::1]/', '::1', true],
    ['http://[fd00::1]/', 'fd00::/8', true],
  ])('%s with %s: direct %s', (url, noProxy, direct) => {
    expect(choose(url, { http_proxy: 'http://p:1', NO_PROXY: noProxy }) === undefined).toBe(direct);
  });
});

test.each(['socks4://p:1', 'http://', 'ftp://user:secret@p'])(
  '%s is not a proxy, and its secret is not shown',
  (proxy) => {
    const choice = () => choose('https://a.example/', { HTTPS_PROXY: proxy });
    expect(choice).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ code: 'KSB_PROXY_INVALID', exitCode: 2 }) }),
    );
    expect(choice).toThrow(/HTTPS_PROXY/);
    expect(choice).not.toThrow(/secret/);
  },
);
