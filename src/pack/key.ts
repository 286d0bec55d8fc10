import type { Sha256 } from '../domain/digest.ts';
import type { KeyKind } from '../domain/manifest.ts';

/** What is signed: bytes, or those of a file. */
export type Signable = Buffer | { readonly file: string };

/** What both halves of a pair of keys tell. */
interface Key {
  readonly kind: KeyKind;
  /** Digest of the public key in DER (SubjectPublicKeyInfo): the name that people know the pair by. */
  readonly id: Sha256;
}

export interface SigningKey extends Key {
  readonly sign: (content: Signable) => Promise<Buffer>;
}

export interface VerifyingKey extends Key {
  /** Whether the owner of the key made the signature. */
  readonly verify: (content: Signable, signature: Buffer) => Promise<boolean>;
}
