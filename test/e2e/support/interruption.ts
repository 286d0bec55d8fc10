import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { mapConcurrently } from '../../../src/domain/concurrently.ts';
import type { RunResult } from '../../../src/io/process.ts';
import { differences, inside, perform, releaseIn, type Command } from './cell.ts';
import { readHealed, rememberHealed } from './healed.ts';
import type { Machine } from './machine.ts';
import { describePoint, INJECTED, injector, INSTALLER, type Point } from './points.ts';
import { performTraced, servedPorts, startFrom, stateAfter, type Recording } from './recording.ts';
import { exhaustive } from './requirements.ts';
import { siteAt } from './site.ts';

/** A disturbance of a run at a point, and its required end. */
export interface Disturbance {
  /** In the form of strace's `inject=`: `signal=SIGKILL`, `error=EIO`. */
  readonly injection: string;
  /** Allowed exit codes if the call is the installer's own; otherwise it fails. 0: only if nothing is left to do. */
  readonly exitCodes: readonly number[];
  /** Required message of a failing run. */
  readonly says?: RegExp;
  /** Runs while the injected signal stops the run. */
  readonly meanwhile?: (cell: Machine) => Promise<unknown>;
  /** Runs before the command is repeated. */
  readonly afterwards?: (cell: Machine) => Promise<unknown>;
}

/**
 * Disturbs the scenario at the point, checks the remains, and repeats the command undisturbed. Returns what is wrong,
 * if anything: the run must end as required, the previous instance must still serve, `status` must report the
 * interruption, and the second run, or a successful first one, must reach the state of an undisturbed run.
 */
async function disturbAndHeal(
  recording: Recording,
  point: Point,
  disturbance: Disturbance,
): Promise<string[]> {
  const { scenario } = recording;
  const faults = await startFrom(recording, async (cell) => {
    const serves = await observe(cell, recording);
    const running = performTraced(cell, scenario.command, injector(point, disturbance.injection));
    if (disturbance.meanwhile !== undefined) await whileStopped(cell, running, disturbance.meanwhile);
    const { ended, said } = await running;
    const found = [...howItEnded(ended, point, disturbance), ...whatItSaid(ended, said, disturbance)];
    if (found.length > 0) return [...found, said];
    if (!(await serves())) found.push('nobody serves');
    found.push(...(await whatStatusSays(cell)));
    await disturbance.afterwards?.(cell);
    if (ended.exitCode === 0) return [...found, ...(await whatIsOther(recording, cell))];
    const again = await performAgain(cell, scenario.command, ended);
    if (again.exitCode !== 0) return [...found, `run again it ends with ${again.exitCode}: ${again.stderr}`];
    return [...found, ...(await whatIsOther(recording, cell))];
  });
  return faults.map((fault) => `${describePoint(point)}: ${fault}`);
}

/** The cell's differences from the state after an undisturbed run. */
async function whatIsOther(recording: Recording, cell: Machine): Promise<string[]> {
  const served = await servedPorts(recording, cell);
  const ports =
    served.join() === recording.served.join() ? [] : [`its data are served at ${served.join(', ')}`];
  return [...ports, ...differences(recording.state, await stateAfter(recording, cell))];
}

/** Runs the command again; twice if the disturbed run failed during its rollback, which the first then completes. */
async function performAgain(cell: Machine, command: Command, ended: RunResult): Promise<RunResult> {
  const again = await perform(cell, command);
  const wentBack =
    ended.exitCode === 7 &&
    again.exitCode === 6 &&
    again.stderr.includes('error: the upgrade had failed and was undone');
  return wentBack ? perform(cell, command) : again;
}

/** Waits until the injector has stopped a process of the cell, calls `meanwhile` and continues it. */
async function whileStopped(
  cell: Machine,
  running: Promise<unknown>,
  meanwhile: (cell: Machine) => Promise<unknown>,
): Promise<void> {
  const ended = running.then(() => true);
  while (!(await Promise.race([ended, setTimeout(20, false)]))) {
    const log = await readFile(inside(cell, INJECTED), 'utf8').catch(() => '');
    if (log.includes('stopped by SIGSTOP')) {
      await meanwhile(cell);
      await cell.execute(['kill', '-CONT', '-1']);
      return;
    }
  }
}

/** A signal ends the process that receives it; the installer reports if that was its child. */
function howItEnded(
  { exitCode, signal }: RunResult,
  point: Point,
  { injection, exitCodes }: Disturbance,
): string[] {
  const expected = point.caller === INSTALLER || exitCodes.includes(0) ? exitCodes : [6, 7];
  const ended = exitCode === undefined ? injection === `signal=${signal}` : expected.includes(exitCode);
  return ended ? [] : [`it ended with ${exitCode ?? signal}`];
}

function whatItSaid({ exitCode }: RunResult, said: string, { says }: Disturbance): string[] {
  return says === undefined || exitCode === 0 || says.test(said) ? [] : [`it does not say ${says.source}`];
}

/** Returns a check that the instance serves at one of the scenario's ports within the time of a reload. */
async function observe(cell: Machine, { bundle, scenario }: Recording): Promise<() => Promise<boolean>> {
  const age = scenario.before.at(-1)?.of;
  if (age === undefined || scenario.ports.length === 0) return async () => true;
  const servesAt = await bundle.observe(siteAt(cell, releaseIn(age)));
  return async () => {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline;) {
      for (const port of scenario.ports) if (await servesAt(port)) return true;
    }
    return false;
  };
}

/** `status` names an operation if and only if it began and did not end. */
async function whatStatusSays(cell: Machine): Promise<string[]> {
  for (const age of ['present', 'former'] as const) {
    const instance = inside(cell, siteAt(cell, releaseIn(age)).instance);
    if ((await readdir(instance).catch(() => undefined)) === undefined) continue;
    const journal = await readFile(path.join(instance, 'journal'), 'utf8').catch(() => '');
    const begun = journal !== '' && !journal.trimEnd().endsWith('"event": "end"}');
    const status = await perform(cell, { of: age, parameters: ['status'] });
    const named = status.stderr.includes('was interrupted');
    if (named !== begun || (begun && status.exitCode === 0))
      return [`status ends with ${status.exitCode} and says: ${status.stderr}`];
  }
  return [];
}

/** Disturbs the scenario at each of the points, two in parallel; returns all faults. */
export async function disturbAll(
  recording: Recording,
  points: readonly Point[],
  disturbance: Disturbance,
): Promise<string[]> {
  const nameOf = (point: Point): string =>
    `${recording.bundle.name}, ${recording.scenario.name}, ${disturbance.injection}: ${describePoint(point)}`;
  const healed = await readHealed();
  let done = 0;
  const faults = await mapConcurrently(points, 2, async (point) => {
    const name = nameOf(point);
    const found = healed.has(name)
      ? []
      : await disturbAndHeal(recording, point, disturbance).catch((error: unknown) => [
          `${name}: ${String(error)}`,
        ]);
    done += 1;
    if (found.length === 0) await rememberHealed(name);
    if (exhaustive || found.length > 0) {
      const mark = found.length > 0 ? `FAULT\n${found.join('\n')}` : 'healed';
      process.stderr.write(`${done}/${points.length} ${name} ${mark}\n`);
    }
    return found;
  });
  return faults.flat();
}
