import { z } from 'zod';
import { digestSchema } from '../domain/digest-schema.ts';
import { normalizeDistribution } from '../domain/distribution.ts';
import { parsePlatform } from '../domain/platform.ts';
import type { Lockfile } from '../domain/lock.ts';

const text = z.string().min(1);
const distribution = z.string().refine((name) => name !== '' && normalizeDistribution(name) === name, {
  message: 'expected a normalised distribution name',
});
/** A file name that cannot leave a directory. */
const file = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+~!-]*$/, { message: 'expected a plain file name' });

const source = z.strictObject({ component: text, version: text, file, sha256: digestSchema });
const wheel = z.strictObject({
  name: distribution,
  version: text,
  file,
  size: z.int().positive(),
  sha256: digestSchema,
  requires: z.array(distribution),
});
const built = z.strictObject({
  name: distribution,
  version: text,
  component: text,
  requires: z.array(distribution),
});

/** The schema of a lockfile. Keys are written in this order. `findDamage` checks that entries agree with each other. */
export const lockfileSchema: z.ZodType<Lockfile> = z.strictObject({
  format: z.literal(1, {
    message: 'expected format 1: this lockfile was written by another version of ksbundle',
  }),
  bundle: text,
  version: text,
  platform: z
    .string()
    .refine((name) => parsePlatform(name) !== undefined, { message: 'expected a known platform' }),
  python: z.string().regex(/^\d+\.\d+\.\d+$/, { message: 'expected a version such as 3.13.15' }),
  inputs: digestSchema,
  requirements: z.array(text),
  constraints: digestSchema,
  overrides: z.array(text),
  excludes: z.array(distribution),
  sources: z.array(source),
  built: z.array(built),
  wheels: z.array(wheel),
});

/** A contradiction inside a lockfile, at a path such as `wheels.3.name`. */
export interface Damage {
  readonly path: string;
  readonly message: string;
}

/** Names that occur twice, and required names that do not occur. */
export function findDamage(lockfile: Lockfile): Damage[] {
  const seen = new Set<string>();
  const damage: Damage[] = [];
  const groups = [
    ['wheels', lockfile.wheels],
    ['built', lockfile.built],
  ] as const;
  for (const [group, entries] of groups) {
    for (const [index, { name }] of entries.entries()) {
      if (seen.has(name)) damage.push({ path: `${group}.${index}.name`, message: `${name} is locked twice` });
      seen.add(name);
    }
  }
  for (const [group, entries] of groups) {
    for (const [index, { name, requires }] of entries.entries()) {
      for (const [position, required] of requires.entries()) {
        if (seen.has(required)) continue;
        damage.push({
          path: `${group}.${index}.requires.${position}`,
          message: `${name} requires ${required}, which is not locked`,
        });
      }
    }
  }
  return damage;
}
