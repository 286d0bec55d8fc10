import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { SkippedVersion } from '../domain/results.ts';
import type { WheelFile } from '../domain/lock.ts';
import type { IndexFile } from './uv-output.ts';

/** What an upgrade may not take, and who is told what it left out for that. */
export interface AgeLimit {
  /** Files that came to the index after it are too young. */
  readonly cutoff: Date;
  readonly skip: (skipped: SkippedVersion) => void;
}

/**
 * The wheels of another version than the locked one that came to the index after the cutoff. Throws KSB_LOCK_AGE_UNKNOWN
 * where the index does not tell when a file came (PEP 700).
 */
export function findYoung(
  wheels: readonly WheelFile[],
  chosen: {
    readonly cutoff: Date;
    readonly files: ReadonlyMap<string, readonly IndexFile[]>;
    readonly locked: ReadonlyMap<string, string>;
  },
): SkippedVersion[] {
  return wheels.flatMap(({ name, version, file }): SkippedVersion[] => {
    if (chosen.locked.get(name) === version) return [];
    const uploaded = chosen.files.get(name)?.find((candidate) => candidate.file === file)?.uploaded;
    if (uploaded === undefined) {
      throw new KsbundleError({
        code: 'KSB_LOCK_AGE_UNKNOWN',
        exitCode: ExitCode.failed,
        message: `the Python index does not tell how old ${file} is`,
        hint: 'take an index that gives the time of upload (PEP 700), or any age with --min-age 0',
      });
    }
    return uploaded > chosen.cutoff ? [{ name, version, uploaded: uploaded.toISOString() }] : [];
  });
}

/** The error where nothing else than what is too young fits. */
export function tooYoung(young: readonly SkippedVersion[], file: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_LOCK_TOO_YOUNG',
    exitCode: ExitCode.failed,
    message: 'the upgrade needs what is younger than --min-age',
    place: { file },
    hint: 'wait, lower --min-age, or take out the pin that asks for that version',
    problems: young.map(({ name, version, uploaded }) => ({
      code: 'too-young',
      message: `${name} ${version} came to the index at ${uploaded}, and no older version fits`,
    })),
  });
}
