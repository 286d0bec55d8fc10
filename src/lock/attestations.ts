import { mapConcurrently } from '../domain/concurrently.ts';
import type { Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Lockfile, WheelFile } from '../domain/lock.ts';

/** How an upgrade compares publishers' attestations, and a callback for what it cannot compare. */
export interface Attestations {
  /**
   * Whether files of a distribution have their publisher's attestation, by digest; without files about which no index
   * says.
   */
  readonly read: (name: string) => Promise<ReadonlyMap<Sha256, boolean>>;
  /** Called for a distribution whose old and new file could not be compared. */
  readonly skip: (name: string) => void;
}

/**
 * Throws KSB_LOCK_ATTESTATION_GONE if a distribution's publisher attested the locked file but not the chosen one,
 * which may mean that somebody else uploaded it in the publisher's name. Does not check distributions that were not
 * locked before.
 */
export async function requireAttestations(
  wheels: readonly WheelFile[],
  {
    previous,
    attestations,
    file,
  }: { readonly previous: Lockfile; readonly attestations: Attestations; readonly file: string },
): Promise<void> {
  const locked = new Map(previous.wheels.map((wheel) => [wheel.name, wheel]));
  const changed = wheels.flatMap((wheel) => {
    const former = locked.get(wheel.name);
    return former === undefined || former.sha256 === wheel.sha256 ? [] : [{ former, wheel }];
  });
  const problems = await mapConcurrently(changed, 8, async ({ former, wheel }) => {
    const isAttested = await attestations.read(wheel.name);
    const [before, now] = [isAttested.get(former.sha256), isAttested.get(wheel.sha256)];
    if (before === undefined || now === undefined) attestations.skip(wheel.name);
    if (before !== true || now !== false) return [];
    return [
      {
        code: 'attestation-gone',
        message: `${former.file} has its publisher's attestation, but ${wheel.file} has none`,
      },
    ];
  });
  if (problems.flat().length === 0) return;
  throw new KsbundleError({
    code: 'KSB_LOCK_ATTESTATION_GONE',
    exitCode: ExitCode.failed,
    message: 'publishers attested the locked versions of some wheels, but not the new versions',
    why: "somebody else may have uploaded them in the publisher's name, or the publisher changed the upload process",
    place: { file },
    hint: 'ask the publisher; to use such a wheel anyway, pin its version with a [[python.override]] that says why, and lock without --upgrade',
    problems: problems.flat(),
  });
}
