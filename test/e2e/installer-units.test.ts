import { expect, it } from 'vitest';
import { tarball } from './support/bundle.ts';
import { runInstallerUnits } from './support/installer-units.ts';

it("the installer's unit tests pass on the bundle's own Python, with the packed installer", async () => {
  const tested = await runInstallerUnits(tarball());
  expect(tested, tested.stdout).toMatchObject({ exitCode: 0 });
  expect(Number(/^(\d+) passed, 0 failed/m.exec(tested.stdout)?.[1])).toBeGreaterThan(100);
});
