import { isIPv4, isIPv6 } from 'node:net';
import { hasControlCharacter } from '../domain/inner-path.ts';
import type { AnswerType } from '../domain/service.ts';

const LABEL = '(?!-)[A-Za-z0-9_-]{1,63}(?<!-)';
const NAME = new RegExp(`^(?=.{1,254}$)(?=.{1,253}\\.?$)${LABEL}(?:\\.${LABEL})*\\.?$`);
/** A name cannot end like this: programs read it as an IPv4 address, each in a different way. */
const NUMBER = /(?:^|\.)(?:\d+|0x[\da-f]*)\.?$/i;
const LONE_SURROGATE = /\p{Cs}/u;
const URL_FORM =
  /^https?:\/\/(?<host>\[[^\]]*\]|[^/:]*)(?::(?<port>[^/]*))?(?:\/(?:%[\da-f]{2}|[\w.~!$&()*+,;=:@/-])*)?$/i;

const FORMS: Record<AnswerType, { readonly expected: string; readonly accepts: (text: string) => boolean }> =
  {
    string: { expected: 'one line of text', accepts: () => true },
    host: { expected: 'an IP address or a host name that clients can reach', accepts: isHost },
    'host-port': { expected: 'PORT or HOST:PORT, an IPv6 address in brackets', accepts: isHostPort },
    integer: {
      expected: 'an integer of at most 18 digits',
      accepts: (text) => /^-?\d{1,18}$/.test(text),
    },
    choice: { expected: 'one of the choices', accepts: () => true },
    path: { expected: 'a path', accepts: () => true },
    url: { expected: 'a URL of http or https without user, query and fragment', accepts: isUrl },
    boolean: {
      expected: 'true or false',
      accepts: (text) => /^(?:true|yes|on|1|false|no|off|0)$/i.test(text),
    },
  };

/**
 * A description of what the type expects if `text` does not match it; undefined if it does. docs/services.md
 * describes the types. The installer applies the same rules, in `init/installer/answers/values.py`.
 */
export function mismatchOfType(type: AnswerType, text: string): string | undefined {
  const { expected, accepts } = FORMS[type];
  const isLine = text !== '' && !hasControlCharacter(text) && !LONE_SURROGATE.test(text);
  return isLine && accepts(text) ? undefined : expected;
}

/** Whether the whole text matches an answer's rule. */
export function matchesRule(rule: string, text: string): boolean {
  return new RegExp(`^(?:${rule})$`, 'u').test(text);
}

function isHost(text: string): boolean {
  return isAddress(text) ? !isUnspecified(text) : isName(text);
}

function isName(text: string): boolean {
  return NAME.test(text) && !NUMBER.test(text);
}

/** An IPv6 address may be in brackets, and has no zone. */
function isAddress(text: string): boolean {
  return isIPv4(text) || (isIPv6(withoutBrackets(text)) && !text.includes('%'));
}

function isUnspecified(text: string): boolean {
  return text === '0.0.0.0' || /^[0:]+$/.test(withoutBrackets(text));
}

function withoutBrackets(text: string): string {
  return /^\[(.*)\]$/.exec(text)?.[1] ?? text;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535;
}

/** The port of a value of the type `host-port`; undefined for anything else. */
export function splitPort(text: string): string | undefined {
  return isHostPort(text) ? String(Number(text.slice(text.lastIndexOf(':') + 1))) : undefined;
}

function isHostPort(text: string): boolean {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(colon, 0));
  if (!isPort(text.slice(colon + 1))) return false;
  return (
    host === '' || (host.startsWith('[') || !host.includes(':') ? isAddress(host) || isName(host) : false)
  );
}

function isUrl(text: string): boolean {
  const { host, port } = URL_FORM.exec(text)?.groups ?? {};
  return host !== undefined && isHost(host) && (port === undefined || isPort(port));
}
