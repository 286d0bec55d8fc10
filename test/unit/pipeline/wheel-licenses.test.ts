import { expect, it } from 'vitest';
import type { Lockfile } from '../../../src/domain/lock.ts';
import { requireLicensedWheels } from '../../../src/pipeline/wheel-licenses.ts';
import { factsOf } from '../../support/errors.ts';
import { makeBundle } from '../../support/releases.ts';

it('the licence of a missing wheel is a mistake, with the nearest name', async () => {
  const lockfile = { wheels: [{ name: 'python-dateutil', version: '1' }] } as unknown as Lockfile;
  const stating = (distribution: string) =>
    makeBundle({ python: { licenses: [{ distribution, license: 'MIT', reason: 'Seen' }] } });
  expect(() => requireLicensedWheels(stating('python-dateutil'), lockfile)).not.toThrow();
  const facts = await factsOf(
    Promise.resolve().then(() => requireLicensedWheels(stating('python-datutil'), lockfile)),
  );
  expect(facts).toMatchObject({
    code: 'KSB_LICENSE_UNKNOWN',
    exitCode: 2,
    problems: [{ hint: 'did you mean "python-dateutil"?' }],
  });
});
