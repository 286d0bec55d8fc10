import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { accomplish, inCell, perform, stateOf } from './support/cell.ts';
import { describeScenarios } from './support/describe-scenarios.ts';
import { disturbAll, type Disturbance } from './support/interruption.ts';
import { CELL, type Machine } from './support/machine.ts';
import { fillingPoints, spread, type Point } from './support/points.ts';
import { openWorkshop, type Workshop } from './support/recording.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { installOf, otherAnswersOf, pointsOf, SHARES } from './support/scenarios.ts';
import { shell } from './support/succeed.ts';
import { NOTES } from './support/tested-bundle.ts';

const lacking = await whyNoMachines();
const why = lacking === undefined ? '' : ` (${lacking})`;
const FILLER = '/mnt/own/filler';

/** Makes the cell's files read-only, except where they are already open. */
const COVER = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"';

async function inSite(cell: Machine, script: string): Promise<void> {
  await shell(cell, script, CELL.site);
}

/** If nothing is left to write, a full disk does not matter. */
const FULL: Disturbance = {
  injection: 'signal=SIGSTOP',
  exitCodes: [0, 3, 6, 7, 8],
  says: /disk is (?:too )?full[^]*do: free some space|No space left|database or disk is full/,
  // Every byte that is left.
  meanwhile: (cell) => inSite(cell, `! cat /dev/zero >${FILLER} 2>/dev/null`),
  afterwards: (cell) => inSite(cell, `rm ${FILLER}`),
};
const BROKEN: Disturbance = {
  injection: 'error=EIO',
  exitCodes: [6, 7],
  // The message of the kernel or of SQLite.
  says: /(?:Input\/output|disk I\/O) error[^]*do: remove the cause/,
};

/** A sync whose failure fails the run: SQLite ignores that of a directory (unixSync in os_unix.c). */
function isMinded({ call, file }: Point): boolean {
  return call === 'fsync' || (call === 'fdatasync' && path.basename(file).includes('.db'));
}

/** Unless exhaustive, leaves scenarios with a single point to kill.test.ts. */
const DISTURBED = SHARES.map((share) => ({
  ...share,
  scenarios: share.scenarios.filter(({ samples }) => exhaustive || samples > 1),
})).filter(({ scenarios }) => scenarios.length > 0);

describe.skipIf(lacking !== undefined).each(DISTURBED)(`$name on a disk that refuses${why}`, (share) => {
  describeScenarios(share, (_scenario, recording) => {
    it('reports a full disk, keeps the former state serving, and is finished by the next run', async () => {
      const points = fillingPoints(recording().points);
      expect(points.length).toBeGreaterThan(0);
      const chosen = exhaustive ? points : spread(points, 4);
      expect(await disturbAll(recording(), chosen, FULL)).toEqual([]);
    });

    it('reports a read-only disk, and is finished by the next run', async () => {
      const points = pointsOf(share, recording().points.filter(isMinded));
      expect(points.length).toBeGreaterThan(0);
      expect(await disturbAll(recording(), spread(points, exhaustive ? 16 : 1), BROKEN)).toEqual([]);
    });
  });
});

describe.skipIf(lacking !== undefined)(`a disk that refuses${why}`, () => {
  let workshop: Workshop;

  beforeAll(async () => {
    workshop = await openWorkshop(NOTES);
    return workshop.remove;
  });

  it('makes restart refuse to stop the service, until there is room', async () => {
    const restart = { of: 'present', parameters: ['restart'] } as const;
    await inCell({ releases: workshop.releases }, async (cell) => {
      await accomplish(cell, installOf(NOTES));
      const before = await cell.processes();
      await FULL.meanwhile?.(cell);
      const refused = await perform(cell, restart);
      expect(refused.exitCode).toBe(3);
      expect(refused.stderr).toMatch(/the disk is full[^]*do: free some space[^]*not restarted/);
      expect(await cell.processes()).toEqual(before);
      await FULL.afterwards?.(cell);
      await accomplish(cell, restart);
      expect(await cell.processes()).not.toEqual(before);
    });
  });

  it('is refused before anything is written when it is too small, and the stated size is enough', async () => {
    await inCell({ releases: workshop.releases, size: '60m' }, async (cell) => {
      const refused = await perform(cell, installOf(NOTES));
      expect(refused.exitCode).toBe(3);
      expect(refused.stderr).toMatch(/the disk is too full[^]*64 MiB needed[^]*do: free some space/);
      expect(await stateOf(cell, { fresh: true, volatile: NOTES.volatile })).toEqual({});
    });
    await inCell({ releases: workshop.releases, size: '65m' }, async (cell) => {
      await accomplish(cell, installOf(NOTES));
    });
  });

  it('is reported when it is read-only: nothing is written, and the service continues', async () => {
    await inCell({ releases: workshop.releases }, async (cell) => {
      for (const command of [installOf(NOTES), otherAnswersOf(NOTES)]) {
        const before = await stateOf(cell, { fresh: false, volatile: NOTES.volatile });
        await inSite(cell, COVER);
        const refused = await perform(cell, command);
        expect(refused.exitCode).toBe(3);
        expect(refused.stderr).toMatch(/the instance cannot be written[^]*its file system is read-only/);
        expect(await stateOf(cell, { fresh: false, volatile: NOTES.volatile })).toEqual(before);
        await inSite(cell, 'umount "$0"');
        await accomplish(cell, command);
      }
    });
  });
});
