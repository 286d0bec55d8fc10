import { beforeAll, describe, expect, it } from 'vitest';
import { disturbAll } from './support/interruption.ts';
import { changingPoints, INSTALLER, spread } from './support/points.ts';
import { openWorkshop, record, type Recording, type Workshop } from './support/recording.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { scenariosOf } from './support/scenarios.ts';
import { KEYSTONE } from './support/tested-bundle.ts';

const lacking = await whyNoMachines();

const TERMINATED = { signal: 'SIGTERM', exitCode: 143 };
const SIGNALS = exhaustive ? [TERMINATED, { signal: 'SIGINT', exitCode: 130 }] : [TERMINATED];

describe.skipIf(lacking !== undefined)(
  `cut off at any moment${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let workshop: Workshop;

    beforeAll(async () => {
      workshop = await openWorkshop(KEYSTONE);
      return workshop.remove;
    });

    describe.each(scenariosOf(KEYSTONE))('$name', (scenario) => {
      let recording: Recording;

      beforeAll(async () => {
        recording = await record(scenario, workshop);
      });

      it('is finished by the next run after SIGKILL, and nothing that served before is lost', async () => {
        const points = changingPoints(recording.points);
        expect(points.length).toBeGreaterThan(8);
        const disturbance = { injection: 'signal=SIGKILL', exitCodes: [137] };
        const chosen = exhaustive ? points : spread(points, scenario.samples);
        expect(await disturbAll(recording, chosen, disturbance)).toEqual([]);
      });

      const signals = exhaustive || scenario.samples > 1 ? SIGNALS : [];
      it.each(signals)('ends with $exitCode after $signal, and the next run finishes it', async (end) => {
        const points = changingPoints(recording.points).filter(({ caller }) => caller === INSTALLER);
        const chosen = spread(points, exhaustive ? 8 : 1);
        const disturbance = { injection: `signal=${end.signal}`, exitCodes: [end.exitCode] };
        expect(await disturbAll(recording, chosen, disturbance)).toEqual([]);
      });
    });
  },
);
