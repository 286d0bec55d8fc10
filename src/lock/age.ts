import { comparePython } from '../domain/advisories/versions.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { SkippedVersion } from '../domain/results.ts';
import type { WheelFile } from '../domain/lock.ts';
import type { IndexFile } from './uv-output.ts';

/** The minimum age of files in an upgrade, and a callback for skipped versions. */
export interface AgeLimit {
  /** Files that were uploaded later are too young. */
  readonly cutoff: Date;
  readonly skip: (skipped: SkippedVersion) => void;
}

/** Limits for the next resolution, so that it chooses no file that is too young. */
export interface AgeBounds {
  /** `<distribution>=<RFC 3339 time>`: later files of it are ignored. */
  readonly notAfter: readonly string[];
  /** Constraints: no version falls below the locked one because a newer one was skipped. */
  readonly constraints: readonly string[];
}

export const NO_BOUNDS: AgeBounds = { notAfter: [], constraints: [] };

/**
 * The wheels that were uploaded after the cutoff and differ from the locked version. Throws KSB_LOCK_AGE_UNKNOWN if
 * the index gives no upload times (PEP 700).
 */
export function findYoung(
  wheels: readonly WheelFile[],
  chosen: {
    readonly cutoff: Date;
    readonly files: ReadonlyMap<string, readonly IndexFile[]>;
    readonly locked: ReadonlyMap<string, WheelFile>;
  },
): SkippedVersion[] {
  return wheels.flatMap(({ name, version, file }): SkippedVersion[] => {
    if (chosen.locked.get(name)?.version === version) return [];
    const uploaded = chosen.files.get(name)?.find((candidate) => candidate.file === file)?.uploaded;
    if (uploaded === undefined) {
      throw new KsbundleError({
        code: 'KSB_LOCK_AGE_UNKNOWN',
        exitCode: ExitCode.failed,
        message: `the Python index does not say how old ${file} is`,
        hint: 'use an index that gives upload times (PEP 700), or accept any age with --min-age 0',
      });
    }
    return uploaded > chosen.cutoff ? [{ name, version, uploaded: uploaded.toISOString() }] : [];
  });
}

/**
 * Bounds for the skipped versions. A distribution whose locked version is too young as well is held there; any other
 * may fall to its locked version, or to the version that an upgrade without a minimum age chooses (`first`), but no
 * lower.
 */
export function boundsOf(
  skipped: readonly SkippedVersion[],
  {
    cutoff,
    first,
    locked,
  }: {
    readonly cutoff: Date;
    readonly first: ReadonlyMap<string, string>;
    readonly locked: ReadonlyMap<string, WheelFile>;
  },
): AgeBounds {
  const kept = new Map(skipped.flatMap(({ name, kept: version }) => (version ? [[name, version]] : [])));
  return {
    notAfter: skipped
      .filter(({ name }) => !kept.has(name))
      .map(({ name }) => `${name}=${cutoff.toISOString()}`),
    constraints: [...locked].map(([name, { version }]) => {
      const held = kept.get(name);
      if (held !== undefined) return `${name}==${held}`;
      const unlimited = first.get(name) ?? version;
      const floor = comparePython(unlimited, version) < 0 ? unlimited : version;
      // PEP 440 does not order local versions.
      return `${name}>=${floor.replace(/\+.*$/u, '')}`;
    }),
  };
}

/** The error if only versions that are too young fit. */
export function tooYoung(young: readonly SkippedVersion[], file: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_LOCK_TOO_YOUNG',
    exitCode: ExitCode.failed,
    message: 'the upgrade needs versions that are younger than --min-age',
    place: { file },
    hint: 'wait, lower --min-age, or remove the pin that asks for that version',
    problems: young.map(({ name, version, uploaded }) => ({
      code: 'too-young',
      message: `${name} ${version} was uploaded at ${uploaded}, and no older version fits`,
    })),
  });
}
