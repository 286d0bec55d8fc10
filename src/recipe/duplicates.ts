import { quote, formatKey, type Fault, type KeyPath } from './mistake.ts';

/**
 * A fault for each value that occurs earlier in the same list. `key` names the value in a list of tables; without it,
 * the list contains plain values.
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
