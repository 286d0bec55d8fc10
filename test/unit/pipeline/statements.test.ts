import { expect, it } from 'vitest';
import type { Lockfile } from '../../../src/domain/lock.ts';
import { collectStatements } from '../../../src/pipeline/statements.ts';
import { factsOf } from '../../support/errors.ts';
import { makeBundle, makeComponent } from '../../support/releases.ts';

const STATED = { vulnerability: 'CVE-2026-1', status: 'fixed', reason: 'A patch has it' } as const;
const lockfile = { wheels: [{ name: 'app' }] } as unknown as Lockfile;
const components = [
  makeComponent('cpython'),
  makeComponent('zlib', { statements: [{ ...STATED, vulnerability: 'CVE-2026-2' }] }),
];

it('statements of a bundle find wheels and components by name, those of a component are about it', () => {
  const bundle = makeBundle({
    statements: [
      { part: 'app', ...STATED },
      { part: 'cpython', ...STATED },
    ],
  });
  expect(collectStatements({ bundle, components, lockfile })).toEqual([
    { part: 'wheel:app', ...STATED },
    { part: 'component:cpython', ...STATED },
    { part: 'component:zlib', ...STATED, vulnerability: 'CVE-2026-2' },
  ]);
});

it('a statement about a part that is not in the bundle is a mistake of the recipe', async () => {
  const bundle = makeBundle({ statements: [{ part: 'ap', ...STATED }] });
  const facts = await factsOf(
    Promise.resolve().then(() => collectStatements({ bundle, components, lockfile })),
  );
  expect(facts).toMatchObject({
    code: 'KSB_VEX_UNKNOWN',
    exitCode: 2,
    place: { file: bundle.origin.file },
    problems: [
      {
        message: '[[vex]]: the bundle has no component and no distribution "ap"',
        hint: 'did you mean "app"?',
      },
    ],
  });
});
