import { comparePython } from '../domain/advisories/versions.ts';
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

/** What the next resolution has to respect, so that it takes nothing that is too young. */
export interface AgeBounds {
  /** `<distribution>=<RFC 3339 time>`: later files of it are as if they were not there. */
  readonly notAfter: readonly string[];
  /** As constraints: nothing goes below what is locked because something newer was left out. */
  readonly constraints: readonly string[];
}

export const NO_BOUNDS: AgeBounds = { notAfter: [], constraints: [] };

/**
 * The wheels of another version than the locked one that came to the index after the cutoff. Throws KSB_LOCK_AGE_UNKNOWN
 * where the index does not tell when a file came (PEP 700).
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
 * Bounds for the versions that were left out. A distribution that stays at its locked version, since that is too young as well,
 * is held there; each other one may fall to what is locked, or to what an upgrade of any age takes (`first`), and no lower.
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
      // PEP 440 compares no local versions in order.
      return `${name}>=${floor.replace(/\+.*$/u, '')}`;
    }),
  };
}

/** The error where nothing else than what is too young fits. */
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
