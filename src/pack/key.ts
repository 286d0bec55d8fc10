import type { Sha256 } from '../domain/digest.ts';
import type { KeyKind } from '../domain/manifest.ts';

/** Data to sign: bytes, or the contents of a file. */
export type Signable = Buffer | { readonly file: string };

/** Properties that both keys of a pair share. */
interface Key {
  readonly kind: KeyKind;
  /** Digest of the public key in DER (SubjectPublicKeyInfo), the fingerprint of the pair. */
  readonly id: Sha256;
}

export interface SigningKey extends Key {
  readonly sign: (content: Signable) => Promise<Buffer>;
}

export interface VerifyingKey extends Key {
  /** Whether the private key of this pair made the signature. */
  readonly verify: (content: Signable, signature: Buffer) => Promise<boolean>;
}
