import { describe, expect, it } from 'vitest';
import { describeScenarios } from './support/describe-scenarios.ts';
import { disturbAll } from './support/interruption.ts';
import { changingPoints, INSTALLER, spread } from './support/points.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { pointsOf, SHARES } from './support/scenarios.ts';

const lacking = await whyNoMachines();

const TERMINATED = { signal: 'SIGTERM', exitCode: 143 };
const SIGNALS = exhaustive ? [TERMINATED, { signal: 'SIGINT', exitCode: 130 }] : [TERMINATED];

describe.skipIf(lacking !== undefined).each(SHARES)(
  `$name, interrupted at any moment${lacking === undefined ? '' : ` (${lacking})`}`,
  (share) => {
    describeScenarios(share, (scenario, recording) => {
      it('is finished by the next run after SIGKILL, without loss of the former state', async () => {
        const points = pointsOf(share, changingPoints(recording().points));
        expect(points.length).toBeGreaterThan(8);
        const disturbance = { injection: 'signal=SIGKILL', exitCodes: [137] };
        const chosen = exhaustive ? points : spread(points, share.helpersOnly ? 1 : scenario.samples);
        expect(await disturbAll(recording(), chosen, disturbance)).toEqual([]);
      });

      const signals = exhaustive || (scenario.samples > 1 && !share.helpersOnly) ? SIGNALS : [];
      it.each(signals)('ends with $exitCode after $signal, and the next run finishes it', async (end) => {
        const points = changingPoints(recording().points).filter(({ caller }) => caller === INSTALLER);
        const chosen = spread(points, exhaustive ? 8 : 1);
        const disturbance = { injection: `signal=${end.signal}`, exitCodes: [end.exitCode] };
        expect(await disturbAll(recording(), chosen, disturbance)).toEqual([]);
      });
    });
  },
);
