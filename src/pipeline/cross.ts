import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { formatPlatform, type Platform } from '../domain/platform.ts';
import { buildArchitecture } from './build-architecture.ts';
import { componentsOf, type LoadedBundle } from './recipes.ts';

/**
 * Throws `KSB_CROSS_UNSUPPORTED` if a bundle is for another architecture than this machine's, and something in it cannot
 * be built here.
 */
export function requireCrossForm(loaded: LoadedBundle, platform: Platform): void {
  const machine = buildArchitecture();
  if (platform.arch === machine) return;
  const { bundle } = loaded;
  const problems = [
    ...componentsOf(loaded).flatMap(({ name, unsupported, origin }) =>
      unsupported === undefined
        ? []
        : [
            {
              code: 'component',
              message: `the component ${name}: ${unsupported}`,
              place: { file: origin.file },
            },
          ],
    ),
    ...bundle.services.flatMap(({ service, generations }) =>
      generations.map(({ module }) => ({
        code: 'generate',
        message: `the service ${service.name}: ${module} makes files of the release with the release's own Python`,
      })),
    ),
  ];
  if (problems.length === 0) return;
  throw new KsbundleError({
    code: 'KSB_CROSS_UNSUPPORTED',
    exitCode: ExitCode.failed,
    message: `${bundle.name} for ${formatPlatform(platform)} cannot be built on ${machine}`,
    why: 'some of its parts must run where they are built',
    hint: `build it on a machine with ${platform.arch}`,
    problems,
  });
}

/** Throws `KSB_CROSS_UNSUPPORTED` if releases for the platform do not run on this machine. */
export function requireOwnArchitecture(bundle: string, platform: Platform): void {
  const machine = buildArchitecture();
  if (platform.arch === machine) return;
  throw new KsbundleError({
    code: 'KSB_CROSS_UNSUPPORTED',
    exitCode: ExitCode.failed,
    message: `${bundle} for ${formatPlatform(platform)} cannot be tried on ${machine}`,
    hint: `build it here, and install it on a machine with ${platform.arch}`,
  });
}
