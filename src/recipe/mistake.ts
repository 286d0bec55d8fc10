import type { Document } from './document.ts';

/** Keys and indexes from a document's root to a value. */
export type KeyPath = readonly (string | number)[];

/** A problem of a document before its place in the text is known. */
export interface Mistake {
  readonly document: Document;
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly path: KeyPath;
  /** Whether the key is at fault, or its value. */
  readonly at: 'key' | 'value';
}
