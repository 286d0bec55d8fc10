import type { z } from 'zod';
import type { bundleSchema, componentSchema, toolchainSchema, toolSchema } from './written.ts';
import type { serviceSchema } from './written-service.ts';

/**
 * A recipe whose values all have the right form. Any value may be absent; `undefined` stands for a value of another
 * form.
 */
export type Partly<T> = T extends readonly (infer Element)[]
  ? readonly (Partly<Element> | undefined)[]
  : T extends object
    ? { readonly [Key in keyof T]?: Partly<T[Key]> | undefined }
    : T;

export type PartlyBundle = Partly<z.input<typeof bundleSchema>>;
export type PartlyComponent = Partly<z.input<typeof componentSchema>>;
export type PartlyPrebuilt = Partly<z.input<typeof toolchainSchema | typeof toolSchema>>;
export type PartlyService = Partly<z.input<typeof serviceSchema>>;
