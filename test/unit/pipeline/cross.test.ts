import { describe, expect, it } from 'vitest';
import { ARCHITECTURES, type Platform } from '../../../src/domain/platform.ts';
import type { Component } from '../../../src/domain/recipe.ts';
import { buildArchitecture } from '../../../src/pipeline/build-architecture.ts';
import { requireCrossForm, requireOwnArchitecture } from '../../../src/pipeline/cross.ts';
import { factsOf } from '../../support/errors.ts';
import { targetOf } from '../../fixtures/lock-target.ts';
import { makeBundle, makeComponent, makeService } from '../../support/releases.ts';

const machine = buildArchitecture();
const floor = { major: 2, minor: 17 };
const own: Platform = { arch: machine, floor };
const other: Platform = { arch: ARCHITECTURES.find((arch) => arch !== machine) ?? machine, floor };

function loaded(changes: Partial<Component>, generates = false) {
  const parts = [makeComponent('cpython'), makeComponent('server', changes)];
  const named = new Map(parts.map((part) => [part.name, part]));
  const service = makeService('pages');
  const generations = generates ? [{ module: 'pages.compress', distribution: 'pages', uses: [] }] : [];
  const bundle = makeBundle({ components: ['server'], services: [{ ...service, generations }] });
  return { bundle, set: { ...targetOf().set, components: named, native: new Map(named) } };
}

describe('a bundle for another architecture', () => {
  it('is refused with every part that cannot be built here', async () => {
    const facts = await factsOf(
      (async () => requireCrossForm(loaded({ unsupported: 'it runs zic' }, true), other))(),
    );
    expect(facts).toMatchObject({ code: 'KSB_CROSS_UNSUPPORTED', exitCode: 1 });
    expect(facts.problems?.map(({ message }) => message)).toEqual([
      'the component server: it runs zic',
      expect.stringContaining('the service pages: pages.compress makes files'),
    ]);
  });

  it('is accepted if all of it can, and any bundle for this machine is', () => {
    expect(() => requireCrossForm(loaded({}), other)).not.toThrow();
    expect(() => requireCrossForm(loaded({ unsupported: 'it runs zic' }, true), own)).not.toThrow();
  });

  it('is not tried', () => {
    expect(() => requireOwnArchitecture('demo', own)).not.toThrow();
    expect(() => requireOwnArchitecture('demo', other)).toThrow(/cannot be tried/u);
  });
});
