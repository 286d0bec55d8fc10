import { z } from 'zod';
import { schemas, type RecipeKind } from './written.ts';

/**
 * The JSON Schema (draft 2020-12) of one kind of recipe, for editors. It describes keys, types and most forms of
 * values; only `loadRecipes` checks all rules.
 */
export function createJsonSchema(kind: RecipeKind): unknown {
  return { title: `ksbundle ${kind}`, ...z.toJSONSchema(schemas[kind], { io: 'input' }) };
}
