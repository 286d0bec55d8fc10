import path from 'node:path';
import { inject } from 'vitest';

/** Path of a tarball, or the reason why there is none; see global-setup.ts. */
export type BundleUnderTest = { readonly tarball: string } | { readonly fault: string };

declare module 'vitest' {
  interface ProvidedContext {
    readonly bundle: BundleUnderTest;
    readonly earlierBundle: BundleUnderTest;
  }
}

/** Absolute path of the real bundle's tarball; throws if it could not be built. */
export function tarball(): string {
  return tarballOf(inject('bundle'));
}

/** Absolute path of the previous version's tarball; throws if it could not be built. */
export function earlierTarball(): string {
  return tarballOf(inject('earlierBundle'));
}

function tarballOf(bundle: BundleUnderTest): string {
  if ('fault' in bundle) throw new Error(bundle.fault);
  return bundle.tarball;
}

/** Name of the release's directory in a tarball. */
export function releaseName(file = tarball()): string {
  return path.basename(file, '.tar.gz');
}
