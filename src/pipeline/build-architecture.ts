import os from 'node:os';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { ARCHITECTURES, type Architecture } from '../domain/platform.ts';

/** This machine's architecture; throws `KSB_BUILD_MACHINE_UNSUPPORTED` if no compiler is known for it. */
export function buildArchitecture(): Architecture {
  const known = knownArchitecture();
  if (known !== undefined) return known;
  throw new KsbundleError({
    code: 'KSB_BUILD_MACHINE_UNSUPPORTED',
    exitCode: ExitCode.failed,
    message: `bundles are built on Linux on ${ARCHITECTURES.join(' or ')}, not on ${process.platform} on ${os.machine()}`,
  });
}

/** This machine's architecture; undefined if no compiler is known for it. */
export function knownArchitecture(): Architecture | undefined {
  return process.platform === 'linux' ? ARCHITECTURES.find((arch) => arch === os.machine()) : undefined;
}
