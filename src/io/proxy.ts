import { BlockList, isIP } from 'node:net';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { redactUrl } from '../domain/url.ts';

/**
 * The environment's proxy for `url`, by the convention of curl and pip: `https_proxy`, `http_proxy` by the URL's
 * scheme, else `all_proxy`, unless `no_proxy` names the host; also in upper case. Throws `KSB_PROXY_INVALID`.
 */
export function proxyFor(url: URL, environment: NodeJS.ProcessEnv): URL | undefined {
  if (isExempt(url, read(environment, 'no_proxy')?.value ?? '')) return undefined;
  const variable =
    read(environment, url.protocol === 'https:' ? 'https_proxy' : 'http_proxy') ??
    read(environment, 'all_proxy');
  if (variable === undefined) return undefined;
  const { name, value } = variable;
  const text = withScheme(value);
  const proxy = URL.canParse(text) ? new URL(text) : undefined;
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  throw new KsbundleError({
    code: 'KSB_PROXY_INVALID',
    exitCode: ExitCode.usage,
    message: `the environment variable ${name} is not the address of an HTTP proxy: ${redactUrl(text)}`,
    hint: `set ${name} to something like http://proxy.example:3128, or unset it`,
  });
}

/** The variables in `environment` that decide about proxies, as `NAME=VALUE` without credentials. */
export function proxyVariables(environment: NodeJS.ProcessEnv): readonly string[] {
  return ['https_proxy', 'http_proxy', 'all_proxy', 'no_proxy'].flatMap((variable) => {
    const found = read(environment, variable);
    if (found === undefined) return [];
    return [`${found.name}=${variable === 'no_proxy' ? found.value : redactUrl(withScheme(found.value))}`];
  });
}

function withScheme(value: string): string {
  return value.includes('://') ? value : `http://${value}`;
}

function read(
  environment: NodeJS.ProcessEnv,
  name: string,
): { readonly name: string; readonly value: string } | undefined {
  for (const spelling of [name, name.toUpperCase()]) {
    const value = environment[spelling]?.trim();
    if (value !== undefined && value !== '') return { name: spelling, value };
  }
  return undefined;
}

/** An entry is `*`, a host, a domain with its subdomains, an address or a CIDR block; a host may have a port. */
function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      if (entry.includes('/')) return isInBlock(host, entry);
      const [, name = entry, entryPort] =
        /^(.*?)(?::(\d+))?$/.exec(isIP(entry) === 6 ? `[${entry}]` : entry) ?? [];
      const domain = name
        .replace(/^\[|\]$/g, '')
        .replace(/^\*?\./, '')
        .toLowerCase();
      if (entryPort !== undefined && entryPort !== port) return false;
      return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
    });
}

function isInBlock(host: string, block: string): boolean {
  const [network = '', prefix = ''] = block.split('/');
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(prefix)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  if (Number(prefix) > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, Number(prefix), type);
  return list.check(host, type);
}
