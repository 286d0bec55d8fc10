import type { z } from 'zod';
import { nearest } from '../domain/nearest.ts';
import type { Document } from './document.ts';
import { formatKey, formatTable, quote, quoteList, suggest, type Fault, type KeyPath } from './mistake.ts';
import { describeSchema, describeValue, keysOf, schemaAt, valueAt } from './schema-walk.ts';
import { schemas, type RecipeKind } from './written.ts';

export function keyPath(issue: z.core.$ZodIssue): KeyPath {
  return issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
}

/** Describes an issue of the schema for the author of the document. */
export function describeIssue(issue: z.core.$ZodIssue, document: Document): Fault[] {
  const path = keyPath(issue);
  const schema = schemaAt(schemas[document.kind], document.value, path);
  const value = valueAt(document.value, path);
  if (issue.code === 'unrecognized_keys') return describeUnknownKeys(issue.keys, path, document);
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({ ...describeCustom(inner, path), at: 'key' }));
  }
  if (issue.code === 'custom') return [describeCustom(issue, path)];
  if (value === undefined) return isRenamed(path, document) ? [] : [describeMissing(path, schema)];
  if (path.length === 1 && path[0] === 'kind') return [describeKind(value, document)];
  return [describeWrong(issue, { path, value, schema })];
}

/** Names of keys before 1.0, with their new names. */
const RENAMED: Readonly<Record<string, string>> = {
  packing: 'archive',
  locations: 'urls',
  product: 'part',
  init: 'services',
};

/** Tables of bundles before 1.0 that are now tables of services. */
const MOVED: ReadonlySet<string> = new Set(['answer', 'try']);

function hintForUnknown(key: string, known: readonly string[], document: Document): string | undefined {
  const renamed = Object.hasOwn(RENAMED, key) ? RENAMED[key] : undefined;
  if (renamed !== undefined && known.includes(renamed))
    return `${quote(key)} is now called ${quote(renamed)}`;
  if (document.kind === 'bundle' && MOVED.has(key))
    return `[[${key}]] is now a table of services: write it in init/services/NAME/service.toml`;
  return undefined;
}

function describeUnknownKeys(keys: readonly string[], path: KeyPath, document: Document): Fault[] {
  const root = schemas[document.kind];
  const schema = schemaAt(root, document.value, path);
  const known = schema === undefined ? [] : keysOf(schema, valueAt(document.value, path));
  const top = keysOf(root, document.value);
  return keys.map((key) => ({
    code: 'unknown-key',
    message: `unknown key ${quote(key)} in ${formatTable(path)}; valid keys: ${known.sort().join(', ')}`,
    hint:
      hintForUnknown(key, known, document) ??
      (top.includes(key)
        ? `${quote(key)} is a key of the recipe itself: write it above the first [table]`
        : suggest(nearest(key, known))),
    path: [...path, key],
    at: 'key',
  }));
}

function describeCustom(issue: z.core.$ZodIssue, path: KeyPath): Fault {
  const { code, hint } = ('params' in issue ? issue.params : undefined) ?? {};
  return {
    code: typeof code === 'string' ? code : 'bad-value',
    message: `${formatKey(path)}: ${issue.message}`,
    hint: typeof hint === 'string' ? hint : undefined,
    path,
    at: 'value',
  };
}

/** Whether a missing key is present under its old name, which is a separate mistake. */
function isRenamed(path: KeyPath, document: Document): boolean {
  const table = valueAt(document.value, path.slice(0, -1));
  const written = typeof table === 'object' && table !== null ? Object.keys(table) : [];
  return written.some((key) => RENAMED[key] === path.at(-1));
}

function describeMissing(path: KeyPath, schema: z.ZodType | undefined): Fault {
  const meaning = schema?.description;
  return {
    code: 'missing-key',
    message: `${formatTable(path.slice(0, -1))} lacks ${quote(String(path.at(-1)))}${meaning === undefined ? '' : ` (${meaning})`}`,
    path: path.slice(0, -1),
    at: 'key',
  };
}

function describeKind(value: unknown, document: Document): Fault {
  const file = fileOf(document.kind);
  const known = KINDS.filter((kind) => fileOf(kind) === file);
  const other = KINDS.find((kind) => kind === value);
  return {
    code: 'bad-kind',
    message: `kind: expected ${known.map(quote).join(' or ')}, not ${describeValue(value)}`,
    hint:
      other === undefined
        ? suggestNearest(value, known)
        : `${describeValue(value)} is written in ${fileOf(other)}`,
    path: ['kind'],
    at: 'value',
  };
}

const KINDS: readonly RecipeKind[] = ['component', 'toolchain', 'tool', 'bundle', 'service'];

function fileOf(kind: RecipeKind): string {
  return kind === 'bundle' || kind === 'service' ? `${kind}.toml` : 'recipe.toml';
}

function describeWrong(
  issue: z.core.$ZodIssue,
  wrong: { readonly path: KeyPath; readonly value: unknown; readonly schema: z.ZodType | undefined },
): Fault {
  const { path, value, schema } = wrong;
  const fault = { path, at: 'value' } as const;
  const key = formatKey(path);
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    const limit = String(issue.code === 'too_small' ? issue.minimum : issue.maximum);
    const bound = `${issue.code === 'too_small' ? 'at least' : 'at most'} ${limit}`;
    const expected =
      issue.origin === 'array' ? `${bound} element` : issue.origin === 'string' ? 'some text' : bound;
    return {
      ...fault,
      code: 'bad-value',
      message: `${key}: expected ${expected}, not ${describeSize(value)}`,
    };
  }
  if (issue.code === 'invalid_value') {
    const values = issue.values.map(String);
    return {
      ...fault,
      code: 'bad-value',
      message: `${key}: expected one of ${quoteList(values)}, not ${describeValue(value)}`,
      hint: suggestNearest(value, values),
    };
  }
  const expected = schema === undefined ? issue.message : describeSchema(schema);
  return {
    ...fault,
    code: 'wrong-type',
    message: `${key}: expected ${expected}, not ${describeValue(value)}`,
  };
}

function describeSize(value: unknown): string {
  return Array.isArray(value) && value.length === 0 ? 'an empty list' : describeValue(value);
}

function suggestNearest(value: unknown, candidates: readonly string[]): string | undefined {
  return typeof value === 'string' ? suggest(nearest(value, candidates)) : undefined;
}
