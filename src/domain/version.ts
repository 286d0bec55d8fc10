/** Whether the dotted numbers of `version` are later than those of `other`; ignores suffixes such as `rc1`. */
export function isLater(version: string, other: string): boolean {
  const [left, right] = [numbersOf(version), numbersOf(other)];
  const length = Math.max(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return false;
}

function numbersOf(version: string): readonly number[] {
  return (/^\d+(?:\.\d+)*/.exec(version)?.[0] ?? '').split('.').map(Number);
}
