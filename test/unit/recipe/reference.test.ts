import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'toml';
import { beforeAll, describe, expect, it } from 'vitest';
import { ANSWER_TYPES } from '../../../src/domain/recipe.ts';
import { STEP_VARIABLES } from '../../../src/domain/variables.ts';
import { createJsonSchema } from '../../../src/recipe/json-schema.ts';

let page: string;

beforeAll(async () => {
  page = await readFile(path.join(import.meta.dirname, '../../../docs/recipes.md'), 'utf8');
});

/** Every key below "properties" of a JSON Schema. */
function listKeys(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([name, value]: [string, unknown]) => [
    ...(name === 'properties' && typeof value === 'object' && value !== null ? Object.keys(value) : []),
    ...listKeys(value),
  ]);
}

describe('docs/recipes.md', () => {
  it.each(['component', 'toolchain', 'tool', 'bundle'] as const)('names every key of a %s', (kind) => {
    const keys = new Set(listKeys(createJsonSchema(kind)));
    expect(keys.size).toBeGreaterThan(10);
    expect([...keys].filter((key) => !new RegExp(`[\`.]${key}[\`.]`).test(page))).toEqual([]);
  });

  it('names every variable and every type of answer', () => {
    const rows = [...page.matchAll(/^\| `([^`]+)`/gm)].map(([, first]) => first);
    expect(rows).toEqual(expect.arrayContaining(STEP_VARIABLES.map((name) => `\${${name}}`)));
    expect(rows).toEqual(expect.arrayContaining([...ANSWER_TYPES]));
  });

  it('has only examples that are TOML', () => {
    const examples = [...page.matchAll(/^( *)```toml\n([\s\S]*?)^\1```/gm)].map(([, , text = '']) => text);
    expect(examples.length).toBeGreaterThan(7);
    for (const example of examples) expect(() => parse(example)).not.toThrow();
  });
});
