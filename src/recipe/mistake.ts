import type { Place } from '../domain/errors.ts';
import type { Document } from './document.ts';

/** Keys and indexes from a document's root to a value. */
export type KeyPath = readonly (string | number)[];

/** A mistake in one value of a document, before its place in the text is known. */
export interface Fault {
  /** Stable name of the kind of mistake, for example `unknown-key`. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly path: KeyPath;
  /** Whether the fault is in the key (or the header of its table) or in the value. */
  readonly at: 'key' | 'value';
  /** The faulty text within the value, for an exact place. */
  readonly within?: string;
  /** The place of the fault, if it is in another file. */
  readonly place?: Place;
}

export interface Mistake extends Fault {
  readonly document: Document;
}

/** `build.step.name`, without indexes: the place shows which element. */
export function formatKey(path: KeyPath): string {
  return path.filter((part) => typeof part === 'string').join('.');
}

/** The table that a path names, as its header is written: `[build]`, `[[build.step]]`. */
export function formatTable(path: KeyPath): string {
  if (path.length === 0) return 'the recipe';
  return typeof path.at(-1) === 'number' ? `[[${formatKey(path)}]]` : `[${formatKey(path)}]`;
}

export function quote(text: string): string {
  return JSON.stringify(text);
}

export function quoteList(texts: Iterable<string>): string {
  return [...texts].map(quote).join(', ');
}

/** "did you mean …?" for the hint of a mistake, if there is something to suggest. */
export function suggest(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `did you mean ${quote(text)}?`;
}

/** The strings in a string, a list or a table, each with its path. */
export function listStrings(value: unknown, path: KeyPath): [string, KeyPath][] {
  if (typeof value === 'string') return [[value, path]];
  if (Array.isArray(value)) return value.flatMap((element, index) => listStrings(element, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => listStrings(child, [...path, key]));
}
