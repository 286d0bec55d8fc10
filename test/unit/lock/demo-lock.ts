import type { Lockfile } from '../../../src/domain/lock.ts';
import { hashBytes } from '../../../src/io/files.ts';
import { recipeInputs, type LockTarget } from '../../../src/lock/inputs.ts';
import { componentOf, targetOf } from '../../fixtures/lock-target.ts';

/** The bundle `demo` of `demoLock`: it builds the distribution `native`. */
export function demoTarget(): LockTarget {
  return targetOf({ components: [componentOf('native', '3.0', { distributions: ['native'] })] });
}

/** A current lockfile of `demoTarget`: app → lib → native, app → native. */
export function demoLock(): Lockfile {
  return {
    format: 1,
    bundle: 'demo',
    version: '1.0',
    platform: 'x86_64-linux-gnu.2.17',
    ...recipeInputs(demoTarget()),
    wheels: [
      {
        name: 'app',
        version: '1.0',
        file: 'app-1.0-py3-none-any.whl',
        size: 100,
        sha256: hashBytes('app'),
        requires: ['lib', 'native'],
      },
      {
        name: 'lib',
        version: '2.0',
        file: 'lib-2.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl',
        size: 200,
        sha256: hashBytes('lib'),
        requires: ['native'],
      },
    ],
    built: [{ name: 'native', version: '3.0', component: 'native', requires: [] }],
  };
}
