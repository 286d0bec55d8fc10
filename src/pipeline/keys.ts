import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { KEY_KINDS } from '../domain/manifest.ts';
import { findHostTools } from '../host/find.ts';
import { OPENSSL } from '../host/tools.ts';
import type { SigningKey, VerifyingKey } from '../pack/key.ts';
import { readSigningKey, readVerifyingKey } from '../pack/keys.ts';

/** Private keys to sign with. */
export interface SigningKeyFiles {
  /** Absolute paths, of keys of different kinds. */
  readonly files: readonly string[];
  /** File with the passphrase of encrypted keys in its first line. */
  readonly passphraseFile?: string | undefined;
}

/**
 * Reads keys to sign with, ECDSA before ML-DSA, as signatures are ordered. Throws what `readSigningKey` throws, and
 * `KSB_KEY_TWICE` for two keys of one kind.
 */
export async function readSigningKeys({ files, passphraseFile }: SigningKeyFiles): Promise<SigningKey[]> {
  const keys: SigningKey[] = [];
  for (const file of files) keys.push(await readSigningKey({ file, passphraseFile }, findOpenssl));
  const kinds = keys.map(({ kind }) => kind);
  if (new Set(kinds).size < kinds.length) {
    throw new KsbundleError({
      code: 'KSB_KEY_TWICE',
      exitCode: ExitCode.usage,
      message: 'cannot sign with two keys of the same kind',
      why: 'a release has one signature of each kind: ECDSA, and ML-DSA',
      hint: 'use one key of each kind',
    });
  }
  return keys.toSorted((a, b) => KEY_KINDS.indexOf(a.kind) - KEY_KINDS.indexOf(b.kind));
}

/** Reads public keys to verify with. Throws what `readVerifyingKey` throws. */
export async function readVerifyingKeys(files: readonly string[]): Promise<VerifyingKey[]> {
  return Promise.all(files.map((file) => readVerifyingKey(file, findOpenssl)));
}

async function findOpenssl(): Promise<string> {
  const [openssl] = await findHostTools({ tools: [OPENSSL] });
  return openssl?.path ?? OPENSSL.name;
}
