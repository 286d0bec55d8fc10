import { createRequire } from 'node:module';
import parse from 'spdx-expression-parse';

const require = createRequire(import.meta.url);

/** The names of SPDX's own list. */
export const LICENSE_IDS = require('spdx-license-ids') as readonly string[];

const IDS = new Map(LICENSE_IDS.map((id) => [id.toLowerCase(), id]));

/** Whether `text` is an SPDX licence expression over the names of SPDX's own list and `LicenseRef-…`. */
export function isLicense(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * Common names that SPDX lacks, as `bareName` returns them, with their meanings. spdx-correct knows more, but guesses:
 * it reads "BSD" as BSD-2-Clause, and drops the second part of "Apache-2.0 or BSD".
 */
const NAMES: ReadonlyMap<string, readonly string[]> = new Map([
  ...names(['Apache-1.0', 'Apache-1.1', 'Apache-2.0'], ['apache', 'apache software']),
  ...names(['Apache-2.0'], ['apache 2', 'apache 2.0', 'apache software 2.0', 'asl 2.0']),
  ...names(['BSD-2-Clause', 'BSD-3-Clause', 'BSD-4-Clause'], ['bsd']),
  ...names(['BSD-2-Clause'], ['simplified bsd', 'bsd 2-clause', '2-clause bsd']),
  ...names(['BSD-3-Clause'], ['new bsd', 'modified bsd', 'revised bsd', 'bsd 3-clause', '3-clause bsd']),
  ...names(['MPL-2.0'], ['mozilla public 2.0']),
  ...names(['PSF-2.0', 'Python-2.0'], ['psf', 'psfl', 'python software foundation']),
]);

function names(ids: readonly string[], called: readonly string[]): [string, readonly string[]][] {
  return called.map((name) => [name, ids]);
}

/** `Apache License, Version 2.0` and `Apache 2.0` are one name, as are `ISC License (ISCL)` and `isc`. */
function bareName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/\([^)]*\)|,/gu, ' ')
    .replaceAll(/\b(?:the|licen[cs]e|version)\b|\bv(?=\d)/gu, ' ')
    .trim()
    .replaceAll(/\s+/gu, ' ');
}

/**
 * The SPDX expression of a licence stated in words. For an ambiguous name, such as "BSD", the licence whose text is
 * among `texts`. Undefined if the texts do not decide, or for an unknown name.
 */
export function toLicense(stated: string, texts: readonly string[]): string | undefined {
  if (isLicense(stated)) return stated;
  const named = (name: string): string | undefined => {
    const id = IDS.get(bareName(name));
    const candidates = id === undefined ? (NAMES.get(bareName(name)) ?? []) : [id];
    return candidates.length === 1 ? candidates[0] : onlyOne(candidates, texts);
  };
  const whole = named(stated);
  if (whole !== undefined) return whole;
  const [operator = '', ...others] = Array.from(stated.matchAll(/\s(and|or)\s/giu), ([, word = '']) =>
    word.toUpperCase(),
  );
  if (operator === '' || others.some((other) => other !== operator)) return undefined;
  const parts = stated.split(/\sand\s|\sor\s/iu).map(named);
  return parts.includes(undefined) ? undefined : parts.join(` ${operator} `);
}

/** The same without texts; a `LicenseRef-…` for unknown words. */
export function asLicense(stated: string): string {
  return toLicense(stated, []) ?? `LicenseRef-${stated.replaceAll(/[^A-Za-z0-9.-]+/gu, '-')}`;
}

/** The licence whose text is among `texts`, if there is exactly one. */
export function licenseOfTexts(texts: readonly string[]): string | undefined {
  return onlyOne(LICENSE_IDS, texts);
}

function onlyOne(candidates: readonly string[], texts: readonly string[]): string | undefined {
  const there = new Set(texts.flatMap(licensesIn));
  const [first, ...more] = candidates.filter((id) => there.has(id));
  return more.length === 0 ? first : undefined;
}

/** The licences in a text, out of those with ambiguous names, and MIT. */
function licensesIn(text: string): string[] {
  const words = text.toLowerCase().replaceAll(/[^a-z0-9]+/gu, ' ');
  const has = (phrase: string): boolean => words.includes(phrase);
  const [, ...bsd] = words.split('redistributions of source code must retain');
  return [
    ...(has('apache license version 2 0') ? ['Apache-2.0'] : []),
    ...(has('apache software license version 1 1') ? ['Apache-1.1'] : []),
    ...(has('permission is hereby granted free of charge to any person obtaining a copy') &&
    has('this permission notice shall be included in all copies')
      ? ['MIT']
      : []),
    ...(has('python software foundation license version 2')
      ? [has('beopen') ? 'Python-2.0' : 'PSF-2.0']
      : []),
    ...bsd.filter((rest) => rest.includes('redistributions in binary form must reproduce')).map(clausesOf),
  ];
}

function clausesOf(conditions: string): string {
  if (conditions.includes('all advertising materials mentioning')) return 'BSD-4-Clause';
  return conditions.includes('endorse or promote products') ? 'BSD-3-Clause' : 'BSD-2-Clause';
}
