import { isLicense, LICENSE_IDS } from '../domain/license.ts';
import { nearest } from '../domain/nearest.ts';

/** The expression with each name that SPDX does not know replaced by the nearest one that it knows. */
export function correctLicense(text: string): string | undefined {
  const names = new Map(LICENSE_IDS.map((name) => [bareName(name), name]));
  const corrected = text.replace(/[A-Za-z0-9.+-]+/g, (word) => {
    if (/^(?:and|or|with)$/i.test(word) || isLicense(word)) return word;
    const bare = bareName(word);
    const same = names.get(bare);
    if (same !== undefined) return same;
    // A family such as GPL is not a misspelt licence: nobody can guess which of its members is meant.
    if ([...names.keys()].filter((name) => name.startsWith(bare)).length > 3) return word;
    return names.get(nearest(bare, names.keys()) ?? '') ?? word;
  });
  return isLicense(corrected) ? corrected : undefined;
}

function bareName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .replace(/0$/, '');
}
