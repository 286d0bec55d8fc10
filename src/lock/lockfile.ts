import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, isErrnoException, KsbundleError, type Problem } from '../domain/errors.ts';
import { formatPlatform, type Platform } from '../domain/platform.ts';
import type { Lockfile } from '../domain/lock.ts';
import { writeFileAtomically } from '../io/files.ts';
import { locateJson, placeOfOffset } from './json-places.ts';
import { findDamage, lockfileSchema } from './lockfile-schema.ts';

/** `<directory>/<bundle>.<platform>.json`. */
export function lockfilePath(directory: string, bundle: string, platform: Platform): string {
  return path.join(directory, `${bundle}.${formatPlatform(platform)}.json`);
}

/**
 * Reads a lockfile. Throws KSB_LOCK_MISSING if there is none, KSB_LOCK_UNREADABLE if it cannot be read, and
 * KSB_LOCK_DAMAGED, with the place of every problem, if it is not a lockfile.
 */
export async function readLockfile(file: string): Promise<Lockfile> {
  return parseLockfile(await readText(file), file);
}

/** As `readLockfile`; undefined if there is none. */
export async function readLockfileIfAny(file: string): Promise<Lockfile | undefined> {
  try {
    return await readLockfile(file);
  } catch (error) {
    if (error instanceof KsbundleError && error.facts.code === 'KSB_LOCK_MISSING') return undefined;
    throw error;
  }
}

/** Parses the text of a lockfile; `file` names it in errors. Throws KSB_LOCK_DAMAGED. */
export function parseLockfile(text: string, file: string): Lockfile {
  const places = locateJson(text);
  const problem = (offset: number, message: string): Problem => ({
    code: 'damaged-lockfile',
    message,
    place: { file, ...placeOfOffset(text, offset) },
  });
  if (places.fault !== undefined) {
    throw damaged(file, [problem(places.fault.offset, `not JSON: expected ${places.fault.expected}`)]);
  }
  const offsetOf = (keys: readonly PropertyKey[]): number => places.offsets.get(keys.join('.')) ?? 0;
  const parsed = lockfileSchema.safeParse(JSON.parse(text));
  if (!parsed.success) {
    throw damaged(
      file,
      parsed.error.issues.flatMap((issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => problem(offsetOf([...issue.path, key]), `unknown key "${key}"`))
          : [problem(offsetOf(issue.path), `${issue.path.join('.') || 'lockfile'}: ${issue.message}`)],
      ),
    );
  }
  const damage = findDamage(parsed.data);
  if (damage.length > 0) {
    throw damaged(
      file,
      damage.map(({ path: at, message }) => problem(places.offsets.get(at) ?? 0, message)),
    );
  }
  return parsed.data;
}

/** The only valid text of a lockfile: the keys in the schema's order, two spaces, a newline at the end. */
export function formatLockfile(lockfile: Lockfile): string {
  return `${JSON.stringify(lockfileSchema.parse(lockfile), null, 2)}\n`;
}

/** Writes a lockfile, whole or not at all. */
export async function writeLockfile(file: string, lockfile: Lockfile): Promise<void> {
  await writeFileAtomically(file, formatLockfile(lockfile));
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const bundle = path.basename(file).split('.')[0] ?? '';
    if (isErrnoException(error, 'ENOENT')) {
      throw new KsbundleError({
        code: 'KSB_LOCK_MISSING',
        exitCode: ExitCode.usage,
        message: `there is no lockfile for ${bundle} on this platform`,
        place: { file },
        hint: `make one: ksbundle lock ${bundle}`,
        cause: error,
      });
    }
    throw new KsbundleError({
      code: 'KSB_LOCK_UNREADABLE',
      exitCode: ExitCode.usage,
      message: 'the lockfile cannot be read',
      place: { file },
      why: isErrnoException(error) ? error.message : String(error),
      hint: 'check that it is a file and that you may read it',
      cause: error,
    });
  }
}

function damaged(file: string, problems: readonly Problem[]): KsbundleError {
  const [first] = problems;
  const bundle = path.basename(file).split('.')[0] ?? '';
  return new KsbundleError({
    code: 'KSB_LOCK_DAMAGED',
    exitCode: ExitCode.usage,
    message: 'the lockfile is damaged',
    place: first?.place ?? { file },
    hint: `restore it from version control, or delete it and run: ksbundle lock ${bundle}`,
    problems,
  });
}
