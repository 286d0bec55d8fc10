import { createRequire } from 'node:module';
import parse from 'spdx-expression-parse';
import { nearest } from '../domain/nearest.ts';

const OPERATORS = new Set(['AND', 'OR', 'WITH']);

/** Whether `text` is an SPDX licence expression over the names of SPDX's own list, or `LicenseRef-…`. */
export function isLicense(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The expression with the name that SPDX does not know replaced by the nearest one that it does. */
export function correctLicense(text: string): string | undefined {
  const known: unknown = createRequire(import.meta.url)('spdx-license-ids');
  const names = Array.isArray(known) ? known.map(String) : [];
  const corrected = text.replace(/[A-Za-z0-9.-]+/g, (word) => {
    if (OPERATORS.has(word.toUpperCase())) return word.toUpperCase();
    return isLicense(word) ? word : (nearest(word, names) ?? word);
  });
  return isLicense(corrected) ? corrected : undefined;
}
