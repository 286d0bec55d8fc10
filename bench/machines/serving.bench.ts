import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMachine, type Machine } from '../../test/e2e/support/machine.ts';
import { whyNoMachines } from '../../test/e2e/support/requirements.ts';
import { ADDRESS, type Site } from '../../test/e2e/support/site.ts';
import { report } from './report.ts';
import { compareInterpreters, type Interpreted } from './serving/interpreters.ts';
import { measure, type Run } from './serving/load.ts';
import { DEBIAN_PACKAGES, prepareBundled, prepareDebian, type Variant } from './serving/keystones.ts';

const lacking = await whyNoMachines();
if (lacking !== undefined) throw new Error(lacking);
/** The number of configurations. */
const ALL = 7;
const only = new RegExp(process.env['KSBUNDLE_BENCH_ONLY'] ?? '');

describe('Keystone of this bundle, and of Debian', () => {
  let machine: Machine;
  let variants: readonly Variant[];
  let site: Site;
  const runs: Run[] = [];
  const interpreted: Interpreted[] = [];

  beforeAll(async () => {
    machine = await startMachine('trixie', [ADDRESS], DEBIAN_PACKAGES);
    const debian = await prepareDebian(machine);
    const bundled = await prepareBundled(machine);
    site = bundled.site;
    variants = [...debian, ...bundled.variants].filter(({ name }) => only.test(name));
    return () => machine.destroy();
  });

  afterAll(() => {
    const whole = variants.length === ALL && runs.length === 2 * ALL && interpreted.length === 4;
    report({ runs, interpreted, whole });
  });

  it.each([
    ['one order', (all: readonly Variant[]) => all],
    ['the other order', (all: readonly Variant[]) => all.toReversed()],
  ])('is measured in %s', async (_, order) => {
    const former = runs.length;
    for (const variant of order(variants)) runs.push(await measure(machine, variant));
    const ofBundle = runs.slice(former).filter(({ bundled }) => bundled);
    expect(ofBundle.filter(({ loads }) => Object.values(loads).some(({ failed }) => failed > 0))).toEqual([]);
  });

  it('is measured in both interpreters', async () => {
    const variant = variants.find(({ bundled }) => bundled);
    if (variant === undefined) return;
    interpreted.push(...(await compareInterpreters(machine, site, variant)));
    expect(interpreted).toHaveLength(4);
  });
});
