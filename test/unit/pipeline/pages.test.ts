import { expect, test } from 'vitest';
import type { Context } from '../../../src/pipeline/context.ts';
import { readPages } from '../../../src/pipeline/pages.ts';
import { makeBundle, makeService } from '../../support/releases.ts';

test('a page that a service names and that is not there is a mistake of its recipe', async () => {
  const service = { ...makeService('demo'), pages: ['/services/docs/demo.md'] };
  const pages = readPages({} as Context, makeBundle({ services: [service] }));
  await expect(pages).rejects.toMatchObject({
    facts: {
      code: 'KSB_RECIPE_INVALID',
      exitCode: 2,
      message: 'the service demo has no page /services/docs/demo.md',
      place: { file: service.origin.file },
    },
  });
});
