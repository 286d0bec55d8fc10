import path from 'node:path';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { createJsonSchema } from '../../../src/recipe/json-schema.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

/* `npm run schema` writes the files again. */
describe('the JSON Schemas in docs/schema are those of the code', () => {
  it.each(['component', 'toolchain', 'tool', 'bundle', 'service'] as const)('%s', async (kind) => {
    const json = await format(JSON.stringify(createJsonSchema(kind)), { parser: 'json', printWidth: 110 });
    await expect(json).toMatchFileSnapshot(path.join(ROOT, `docs/schema/${kind}.schema.json`));
  });
});
