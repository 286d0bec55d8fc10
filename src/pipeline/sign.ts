import type { SignResult } from '../domain/results.ts';
import { readSigningKey, type PrivateKeyFile } from '../pack/keys.ts';
import { signTarball } from '../pack/signature.ts';
import { verifyTarball } from '../pack/verify.ts';

export interface SignOptions {
  readonly key: PrivateKeyFile;
  readonly signal?: AbortSignal | undefined;
}

/** Signs a release tarball in place, once it is known to be as it was packed: nobody should put a name to anything else. */
export async function signFile(file: string, { key, signal }: SignOptions): Promise<SignResult> {
  const signingKey = await readSigningKey(key);
  await verifyTarball(file, { signal });
  return signTarball(file, signingKey);
}
