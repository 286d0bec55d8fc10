import { expect, it } from 'vitest';
import { earlierTarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';

it('the earlier version is built too, and is sound', async () => {
  expect(await ksbundle(['verify', earlierTarball()])).toMatchObject({ exitCode: 0 });
  expect((await ksbundle(['inspect', earlierTarball()])).stdout).toContain('29.1.0');
});
