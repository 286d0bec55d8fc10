import path from 'node:path';
import { inject } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    /** The real bundle's tarball, or why there is none; see global-setup.ts. */
    readonly bundle: { readonly tarball: string } | { readonly fault: string };
  }
}

/** Absolute path of the real bundle's tarball; throws if it could not be built. */
export function tarball(): string {
  const bundle = inject('bundle');
  if ('fault' in bundle) throw new Error(bundle.fault);
  return bundle.tarball;
}

/** Name of the release's directory in the tarball. */
export function releaseName(): string {
  return path.basename(tarball(), '.tar.gz');
}
