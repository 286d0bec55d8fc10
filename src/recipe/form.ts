import type { z } from 'zod';
import type { Document } from './document.ts';
import { describeIssue, keyPath } from './issue.ts';
import type { Fault } from './mistake.ts';
import { valueAt } from './schema-walk.ts';
import { schemas } from './written.ts';

export interface Form {
  readonly faults: readonly Fault[];
  /** The document without invalid values, so that one mistake does not hide another. */
  readonly sound: unknown;
}

/** Compares a document with its schema: keys, types, and the form of each single value. */
export function checkForm(document: Document): Form {
  const result = schemas[document.kind].safeParse(document.value);
  if (result.success) return { faults: [], sound: document.value };
  const issues = result.error.issues.flatMap((issue) => openUnion(issue, document.value));
  const sound: unknown = structuredClone(document.value);
  for (const issue of issues) removeFaulty(sound, issue);
  return { faults: issues.flatMap((issue) => describeIssue(issue, document)), sound };
}

/** The issues of the branch of a union that the value was meant for, instead of "no branch matches". */
function openUnion(issue: z.core.$ZodIssue, root: unknown): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const value = valueAt(root, keyPath(issue));
  const branch = issue.errors.find(
    (issues) => !issues.some((inner) => inner.path.length === 0 && inner.code === 'invalid_type'),
  );
  if (branch === undefined || typeof value !== 'object') return [issue];
  return branch.flatMap((inner) => openUnion({ ...inner, path: [...issue.path, ...inner.path] }, root));
}

function removeFaulty(root: unknown, issue: z.core.$ZodIssue): void {
  const path = keyPath(issue);
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) remove(valueAt(root, path), key);
    return;
  }
  const key = path.at(-1);
  const parent = valueAt(root, path.slice(0, -1));
  if (issue.code === 'invalid_key' && key !== undefined) remove(parent, key);
  else if (key !== undefined && valueAt(parent, [key]) !== undefined) blank(parent, key);
}

function remove(parent: unknown, key: string | number): void {
  if (typeof parent === 'object' && parent !== null) Reflect.deleteProperty(parent, key);
}

/** Replaces a value with undefined: elements of lists keep their index, and keys still exist. */
function blank(parent: unknown, key: string | number): void {
  if (typeof parent === 'object' && parent !== null) Reflect.set(parent, key, undefined);
}
