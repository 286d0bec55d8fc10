import { expect, it } from 'vitest';
import { tarball } from './support/bundle.ts';
import { runInstallerUnits } from './support/installer-units.ts';
import { exhaustive } from './support/requirements.ts';

/** Those that skip something without a release. In CI, the others run on this host's Python only. */
const NEED_RELEASE = ['test_quick_logins', 'test_refusals', 'test_review', 'test_rows', 'test_servers'];

it("the installer's unit tests pass on the bundle's own Python, with the packed installer", async () => {
  const tested = await runInstallerUnits(tarball(), ...(exhaustive ? [] : NEED_RELEASE));
  expect(tested, tested.stdout).toMatchObject({ exitCode: 0 });
  expect(Number(/^(\d+) passed, 0 failed/m.exec(tested.stdout)?.[1])).toBeGreaterThan(exhaustive ? 500 : 20);
});
