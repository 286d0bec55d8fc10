import { quote, formatKey, type Fault, type KeyPath } from './mistake.ts';

/**
 * A fault for each value that stands in a list before already. `key` is that of the value in the list's tables;
 * without it the list is one of plain values.
 */
export function findDuplicates(
  values: readonly (string | undefined)[] | undefined,
  path: KeyPath,
  key?: string,
): Fault[] {
  const seen = new Set<string>();
  return (values ?? []).flatMap((value, index): Fault[] => {
    if (value === undefined) return [];
    if (!seen.has(value)) {
      seen.add(value);
      return [];
    }
    const own = [...path, index, ...(key === undefined ? [] : [key])];
    return [
      {
        code: 'duplicate',
        message: `${formatKey(own)}: ${quote(value)} is listed twice`,
        path: own,
        at: 'value',
      },
    ];
  });
}
