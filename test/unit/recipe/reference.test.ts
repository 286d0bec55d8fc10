import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'toml';
import { beforeAll, describe, expect, it } from 'vitest';
import { ANSWER_TYPES, TEMPLATE_FILTERS } from '../../../src/domain/service.ts';
import { STEP_VARIABLES } from '../../../src/domain/variables.ts';
import { createJsonSchema } from '../../../src/recipe/json-schema.ts';
import { readKitAnswers } from '../../../src/recipe/kit-answers.ts';

let page: string;
let services: string;

beforeAll(async () => {
  const read = (name: string): Promise<string> =>
    readFile(path.join(import.meta.dirname, '../../../docs', name), 'utf8');
  [page, services] = await Promise.all([read('recipes.md'), read('services.md')]);
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

  it('names every variable', () => {
    expect(rowsOf(page)).toEqual(expect.arrayContaining(STEP_VARIABLES.map((name) => `\${${name}}`)));
  });

  it('has only examples that are TOML', () => {
    expect(examplesOf(page).length).toBeGreaterThan(7);
    for (const example of examplesOf(page)) expect(() => parse(example)).not.toThrow();
  });
});

describe('docs/services.md', () => {
  it('names every key, every type of answer, every filter and every answer of the kit', async () => {
    const kit = await readKitAnswers(path.join(import.meta.dirname, '../../../init'));
    const named = [
      ...listKeys(createJsonSchema('service')),
      ...TEMPLATE_FILTERS,
      ...kit.map(({ name }) => name),
    ];
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((key) => !new RegExp(`[\`.]${key}[\`.]`).test(services))).toEqual([]);
    expect(rowsOf(services)).toEqual(expect.arrayContaining([...ANSWER_TYPES]));
  });

  it('has only examples that are TOML', () => {
    expect(examplesOf(services).length).toBeGreaterThan(2);
    for (const example of examplesOf(services)) expect(() => parse(example)).not.toThrow();
  });
});

/** The first cells of the rows of a page's tables. */
function rowsOf(text: string): (string | undefined)[] {
  return [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, first]) => first);
}

function examplesOf(text: string): string[] {
  return [...text.matchAll(/^( *)```toml\n([\s\S]*?)^\1```/gm)].map(([, , example = '']) => example);
}
