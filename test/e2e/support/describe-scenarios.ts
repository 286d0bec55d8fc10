import { beforeAll, describe } from 'vitest';
import { openWorkshop, record, type Recording, type Workshop } from './recording.ts';
import type { Scenario, Share } from './scenarios.ts';

/** Describes each scenario of a share; `tests` get its recording, made before they run. */
export function describeScenarios(
  { bundle, scenarios }: Share,
  tests: (scenario: Scenario, recording: () => Recording) => void,
): void {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await openWorkshop(bundle);
    return workshop.remove;
  });

  describe.each(scenarios)('$name', (scenario) => {
    let recording: Recording;

    beforeAll(async () => {
      recording = await record(scenario, workshop);
    });

    tests(scenario, () => recording);
  });
}
