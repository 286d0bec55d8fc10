/** A lower-case hexadecimal SHA-256 digest, 64 characters. */
export type Sha256 = string & { readonly __brand: 'sha256' };

const PATTERN = /^[0-9a-f]{64}$/;

export function isSha256(text: string): text is Sha256 {
  return PATTERN.test(text);
}

/** Returns `text` as a digest. Throws a `TypeError` if it is not 64 lower-case hexadecimal digits. */
export function sha256(text: string): Sha256 {
  if (!isSha256(text)) throw new TypeError(`not a SHA-256 digest: ${JSON.stringify(text)}`);
  return text;
}
