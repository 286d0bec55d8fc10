import { z } from 'zod';
import { digestSchema } from './digest-schema.ts';

/** The form of `BuildRecord`. */
export const buildRecordSchema = z.strictObject({
  key: digestSchema,
  artifact: digestSchema,
  size: z.int().nonnegative(),
  component: z.string().min(1),
  version: z.string().min(1),
  time: z.number().nonnegative(),
  created: z.iso.datetime(),
  signers: z.array(digestSchema).min(1).readonly().optional(),
});
