import parse from 'spdx-expression-parse';

/** Whether `text` is an SPDX licence expression over the names of SPDX's own list and `LicenseRef-…`. */
export function isLicense(text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}
