import type { AnswerType } from '../domain/recipe.ts';

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);
const PORT = /^(?:(.*):)?(\d{1,5})$/s;

const FORMS: Record<AnswerType, { readonly expected: string; readonly accepts: (text: string) => boolean }> =
  {
    string: { expected: 'one line of text', accepts: (text) => !/[\0\n\r]/.test(text) },
    host: { expected: 'an IP address or a host name', accepts: isHost },
    'host-port': { expected: 'PORT or HOST:PORT, an IPv6 address in brackets', accepts: isHostPort },
    integer: { expected: 'an integer', accepts: (text) => /^-?\d+$/.test(text) },
    choice: { expected: 'one of the choices', accepts: (text) => text !== '' },
    path: { expected: 'a path', accepts: (text) => text !== '' && !/[\0\n\r]/.test(text) },
    url: { expected: 'a URL', accepts: (text) => /^[a-z][a-z0-9+.-]*:\/\/\S*$/i.test(text) },
    boolean: { expected: 'true or false', accepts: (text) => text === 'true' || text === 'false' },
  };

/** What the type expects, in words, if `text` is not of the type; see docs/recipes.md for the types. */
export function mismatchOfType(type: AnswerType, text: string): string | undefined {
  const { expected, accepts } = FORMS[type];
  return accepts(text) ? undefined : expected;
}

function isHost(text: string): boolean {
  return isIpv4(text) || isIpv6(text) || (NAME.test(text) && !/^[\d.]+$/.test(text));
}

function isHostPort(text: string): boolean {
  const [, host, port] = PORT.exec(text) ?? [];
  if (port === undefined || Number(port) < 1 || Number(port) > 65535) return false;
  if (host === undefined) return true;
  return host.startsWith('[') && host.endsWith(']')
    ? isIpv6(host.slice(1, -1))
    : isHost(host) && !isIpv6(host);
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return (
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
}

function isIpv6(text: string): boolean {
  return text.includes(':') && /^[0-9A-Fa-f:.]+$/.test(text) && URL.canParse(`http://[${text}]/`);
}
