import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Lockfile } from '../domain/lock.ts';
import type { Bundle } from '../domain/recipe.ts';
import { didYouMean } from './did-you-mean.ts';

/** Throws `KSB_LICENSE_UNKNOWN` if the recipe states the licence of a wheel that the bundle does not have. */
export function requireLicensedWheels(bundle: Bundle, { wheels }: Lockfile): void {
  const known = new Set(wheels.map(({ name }) => name));
  const unknown = bundle.python.licenses.filter(({ distribution }) => !known.has(distribution));
  if (unknown.length === 0) return;
  throw new KsbundleError({
    code: 'KSB_LICENSE_UNKNOWN',
    exitCode: ExitCode.usage,
    message: `${bundle.name} states licences of wheels that it does not contain`,
    place: { file: bundle.origin.file },
    problems: unknown.map(({ distribution }) => ({
      code: 'unknown-wheel',
      message: `[[python.license]]: the bundle has no wheel of "${distribution}"`,
      ...didYouMean(distribution, known),
    })),
    hint: 'correct the name, or remove the table',
  });
}
