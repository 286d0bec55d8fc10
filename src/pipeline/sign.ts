import type { SignResult, VerifyResult } from '../domain/results.ts';
import { signTarball } from '../pack/signature.ts';
import { verifyTarball } from '../pack/verify.ts';
import { readSigningKeys, readVerifyingKeys, type SigningKeyFiles } from './keys.ts';

export interface SignOptions extends SigningKeyFiles {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Signs a release tarball in place, once it is known to be as it was packed: nobody should put a name to anything else. Throws
 * what `readSigningKeys`, `verifyTarball` and `signTarball` do.
 */
export async function signFile(file: string, { signal, ...files }: SignOptions): Promise<SignResult> {
  const keys = await readSigningKeys(files);
  await verifyTarball(file, { signal });
  return signTarball(file, keys);
}

export interface VerifyFileOptions {
  /** Absolute paths of the public keys that must have signed the release, each of them. */
  readonly keys: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** Checks a release tarball, and who signed it. Throws what `readVerifyingKeys` and `verifyTarball` do. */
export async function verifyFile(file: string, { keys, signal }: VerifyFileOptions): Promise<VerifyResult> {
  return verifyTarball(file, { keys: await readVerifyingKeys(keys), signal });
}
