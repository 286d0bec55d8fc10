import { z } from 'zod';
import { isSha256, type Sha256 } from './digest.ts';

/** A digest in a parsed document. Separate from `digest.ts`, so that only parsers load zod. */
export const digestSchema = z.custom<Sha256>((value) => typeof value === 'string' && isSha256(value), {
  message: 'expected a SHA-256 digest, 64 lower-case hexadecimal digits',
});
