import { z } from 'zod';
import type { KeyPath } from './mistake.ts';

/** The schema of the value at `path` in `value`; undefined if there is none. */
export function schemaAt(schema: z.ZodType, value: unknown, path: KeyPath): z.ZodType | undefined {
  const [part, ...rest] = path;
  if (part === undefined) return schema;
  const child = childOf(unwrap(schema, value), part);
  return child === undefined ? undefined : schemaAt(child, valueAt(value, [part]), rest);
}

export function valueAt(value: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (parent, part) =>
      typeof parent === 'object' && parent !== null && Object.hasOwn(parent, part)
        ? (parent as Readonly<Record<string | number, unknown>>)[part]
        : undefined,
    value,
  );
}

/** The keys that a table's schema has. */
export function keysOf(schema: z.ZodType, value: unknown): string[] {
  const bare = unwrap(schema, value);
  return bare instanceof z.ZodObject ? Object.keys(bare.shape) : [];
}

/** A description of what a schema expects: `a list of strings`. */
export function describeSchema(schema: z.ZodType): string {
  const bare = unwrap(schema, undefined);
  if (bare instanceof z.ZodLiteral)
    return [...bare.values].map((value) => JSON.stringify(value)).join(' or ');
  if (bare instanceof z.ZodEnum)
    return `one of ${bare.options.map((option) => JSON.stringify(option)).join(', ')}`;
  if (bare instanceof z.ZodUnion)
    return bare.options.map((option) => describeSchema(option as z.ZodType)).join(' or ');
  if (bare instanceof z.ZodArray) {
    const element = describeSchema(bare.element as z.ZodType);
    return `a list of ${element.replace(/^an? /, '')}s`;
  }
  if (bare instanceof z.ZodObject || bare instanceof z.ZodRecord) return 'a table';
  if (bare instanceof z.ZodNumber) return 'an integer';
  if (bare instanceof z.ZodBoolean) return 'true or false';
  return 'a string';
}

/** A description of a value; a short value as it is written. */
export function describeValue(value: unknown): string {
  if (value instanceof Date) return 'a date';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return 'a table';
  return value.length <= 60 ? JSON.stringify(value) : 'a string';
}

function childOf(schema: z.ZodType, part: string | number): z.ZodType | undefined {
  if (schema instanceof z.ZodObject) return (schema.shape as Record<string, z.ZodType>)[part];
  if (schema instanceof z.ZodArray) return schema.element as z.ZodType;
  if (schema instanceof z.ZodRecord) return schema.valueType as z.ZodType;
  return undefined;
}

/** Removes wrappers such as defaults, and picks the branch of a union of table and list that matches `value`. */
function unwrap(schema: z.ZodType, value: unknown): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return unwrap(schema.unwrap() as z.ZodType, value);
  }
  if (schema instanceof z.ZodPipe) return unwrap(schema.in as z.ZodType, value);
  if (schema instanceof z.ZodUnion && typeof value === 'object') {
    const options = schema.options as readonly z.ZodType[];
    const option = options.find((candidate) => candidate instanceof z.ZodArray === Array.isArray(value));
    return option ?? schema;
  }
  return schema;
}
