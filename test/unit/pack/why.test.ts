import { expect, it } from 'vitest';
import { packRelease } from '../../../src/pack/pack-release.ts';
import { whyInTarball } from '../../../src/pack/why.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { factsOf } from '../../support/errors.ts';
import { packDemo } from '../../support/packed-release.ts';

/** A bundle that requires CPython and `app`. `app` needs `Shared_Lib` directly and through `helper`. */
async function release(): Promise<string> {
  const { options } = await packDemo();
  const [app] = options.facts.wheels;
  if (app === undefined) throw new Error('no wheel');
  const wheels = [
    { ...app, requires: ['wheel:helper', 'wheel:shared-lib'] as const },
    { ...app, name: 'helper', requires: ['wheel:shared-lib', 'component:cpython'] as const },
    { ...app, name: 'shared-lib', requires: [] },
  ];
  const facts = { ...options.facts, wheels };
  return (await packRelease({ ...options, facts, out: await temporaryDirectory() })).tarball;
}

it('shows from the tarball alone who requires a distribution, shortest first', async () => {
  expect(await whyInTarball(await release(), 'Shared_Lib')).toEqual({
    name: 'shared-lib',
    version: '2',
    kind: 'wheel',
    chains: [
      ['demo', 'app', 'shared-lib'],
      ['demo', 'app', 'helper', 'shared-lib'],
    ],
  });
});

it('shows components, and requirements of the bundle itself', async () => {
  expect(await whyInTarball(await release(), 'cpython')).toMatchObject({
    kind: 'component',
    chains: [
      ['demo', 'cpython'],
      ['demo', 'app', 'helper', 'cpython'],
    ],
  });
});

it('suggests the nearest name', async () => {
  expect(await factsOf(whyInTarball(await release(), 'helpr'))).toMatchObject({
    code: 'KSB_NAME_UNKNOWN',
    exitCode: 2,
    hint: 'did you mean "helper"?',
  });
});
