import { compareBytes } from '../domain/compare-bytes.ts';
import type { Lockfile } from '../domain/lock.ts';
import type { LockChange } from '../domain/results.ts';

/**
 * The changes from one lockfile to the next, sorted by name: versions of distributions and of sources, and files and
 * digests where the version is the same. Without a lockfile before, everything is added.
 */
export function compareLocks(before: Lockfile | undefined, after: Lockfile): LockChange[] {
  const old = before === undefined ? new Map<string, string>() : describeEntries(before);
  const now = describeEntries(after);
  const names = [...new Set([...old.keys(), ...now.keys()])].toSorted(compareBytes);
  return names.flatMap((name): LockChange[] => {
    const from = old.get(name);
    const to = now.get(name);
    if (from === to) return [];
    if (from === undefined) return [{ kind: 'added', name, to: shorten(to) }];
    if (to === undefined) return [{ kind: 'removed', name, from: shorten(from) }];
    const same = shorten(from) === shorten(to);
    return [{ kind: 'changed', name, from: same ? from : shorten(from), to: same ? to : shorten(to) }];
  });
}

/** `<version> <file> <digest> …` by name. */
function describeEntries(lockfile: Lockfile): Map<string, string> {
  const entries = [
    ...lockfile.wheels.map(({ name, version, file, sha256 }) => ({ name, version, file, sha256 })),
    ...lockfile.sources.map(({ component, version, file, sha256 }) => ({
      name: component,
      version,
      file,
      sha256,
    })),
  ];
  const described = new Map<string, string>();
  for (const { name, version, file, sha256 } of entries) {
    described.set(name, `${described.get(name) ?? version} ${file} ${sha256}`);
  }
  return described;
}

function shorten(description = ''): string {
  return description.split(' ')[0] ?? '';
}
