import type { SignResult, VerifyResult } from '../domain/results.ts';
import { signTarball } from '../pack/signature.ts';
import { verifyTarball } from '../pack/verify.ts';
import { readSigningKeys, readVerifyingKeys, type SigningKeyFiles } from './keys.ts';

export interface SignOptions extends SigningKeyFiles {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Signs a release tarball in place, after verifying that it is unchanged since it was packed. Throws what
 * `readSigningKeys`, `verifyTarball` and `signTarball` throw.
 */
export async function signFile(file: string, { signal, ...files }: SignOptions): Promise<SignResult> {
  const keys = await readSigningKeys(files);
  await verifyTarball(file, { signal });
  return signTarball(file, keys);
}

export interface VerifyFileOptions {
  /** Absolute paths of public keys, all of which must have signed the release. */
  readonly keys: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** Checks a release tarball and its signatures. Throws what `readVerifyingKeys` and `verifyTarball` throw. */
export async function verifyFile(file: string, { keys, signal }: VerifyFileOptions): Promise<VerifyResult> {
  return verifyTarball(file, { keys: await readVerifyingKeys(keys), signal });
}
