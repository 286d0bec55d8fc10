import { chmod, mkdtemp, mkdir, readFile, rename } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { removeTree } from '../../../src/io/files.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import {
  accomplish,
  inCell,
  inside,
  perform,
  releaseIn,
  stateOf,
  type Command,
  type ReleaseAge,
  type State,
} from './cell.ts';
import { releaseName } from './bundle.ts';
import { CELL, type Machine } from './machine.ts';
import { readPoints, recorder, type Point } from './points.ts';
import type { Scenario } from './scenarios.ts';
import { siteAt, type Site } from './site.ts';
import { TEXT, type TestedBundle } from './tested-bundle.ts';

/** A bundle and its previous version, unpacked on the host, and their results in cells. */
export interface Workshop {
  readonly bundle: TestedBundle;
  /** Contains a release of each age, named by it. */
  readonly releases: string;
  /** Copies of files written by sequences of commands. */
  readonly images: Map<string, string>;
  readonly directory: string;
  readonly remove: () => Promise<void>;
}

export async function openWorkshop(bundle: TestedBundle): Promise<Workshop> {
  const tarballs = await bundle.tarballs();
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-workshop-'));
  const releases = path.join(directory, 'releases');
  await mkdir(releases);
  await chmod(directory, 0o755);
  for (const age of ['present', 'former'] as const satisfies ReleaseAge[]) {
    const unpacked = await run(['tar', '-xzf', tarballs[age], '-C', releases]);
    if (unpacked.exitCode !== 0) throw new Error(`cannot unpack ${tarballs[age]}: ${unpacked.stderr}`);
    await rename(path.join(releases, releaseName(tarballs[age])), path.join(releases, age));
    if (age === 'former') await bundle.makeFormer?.(path.join(releases, age));
  }
  return { bundle, releases, images: new Map(), directory, remove: () => removeTree(directory) };
}

/** The start of a scenario. */
export interface Start {
  readonly bundle: TestedBundle;
  readonly releases: string;
  /** Directory with files written in a cell before; undefined if none. */
  readonly image: string | undefined;
  readonly before: readonly Command[];
}

/** An undisturbed run. */
export interface Recording extends Start {
  readonly scenario: Scenario;
  readonly points: readonly Point[];
  readonly state: State;
  /** Ports that serve the bundle's data afterwards. */
  readonly served: readonly number[];
}

const TRACES = '/mnt/traces';
/** The output of a traced command is a file, because a tracer would keep a pipe open. */
const OUTPUT = '/mnt/output';

/** Performs a command under a tracer; `said` is its output. */
export async function performTraced(
  cell: Machine,
  command: Command,
  tracer: readonly string[],
): Promise<{ readonly ended: RunResult; readonly said: string }> {
  const ended = await perform(cell, command, ['sh', '-c', 'exec "$@" >"$0" 2>&1', OUTPUT, ...tracer]);
  return { ended, said: await readFile(inside(cell, OUTPUT), 'utf8') };
}

/** Runs the scenario to its end and records every point to disturb. */
export async function record(scenario: Scenario, workshop: Workshop): Promise<Recording> {
  const { command, before } = scenario;
  const { bundle, releases } = workshop;
  const start = { bundle, releases, image: await makeImage(workshop, before), before };
  return startFrom(start, async (cell) => {
    await cell.execute(['mkdir', TRACES]);
    const { ended, said } = await performTraced(cell, command, recorder(TRACES));
    if (ended.exitCode !== 0) throw new Error(`${scenario.name} failed:\n${said}`);
    const points = await readPoints(inside(cell, TRACES), bundle.helpers);
    const served = await servedPorts(start, cell);
    return { ...start, scenario, points, state: await stateAfter(start, cell), served };
  });
}

/** Ports that serve the data of a cell's instances. */
export async function servedPorts({ bundle }: Start, cell: Machine): Promise<readonly number[]> {
  const ports: number[] = [];
  for (const age of ['present', 'former'] as const) {
    const site = siteAt(cell, releaseIn(age));
    const servesAt = await bundle.observe(site).catch(() => undefined);
    for (const port of [bundle.port, bundle.otherPort])
      if (!ports.includes(port) && (await servesAt?.(port))) ports.push(port);
  }
  return ports;
}

/** Files written in a cell; a first install creates new keys and identifiers. */
export async function stateAfter({ bundle, before }: Start, cell: Machine): Promise<State> {
  return stateOf(cell, { fresh: before.length === 0, volatile: bundle.volatile });
}

/** A copy of the files that the commands write; made once, from that of all but the last command. */
async function makeImage(workshop: Workshop, commands: readonly Command[]): Promise<string | undefined> {
  const last = commands.at(-1);
  if (last === undefined) return undefined;
  const key = JSON.stringify(commands);
  const made = workshop.images.get(key);
  if (made !== undefined) return made;
  const before = commands.slice(0, -1);
  const { bundle, releases } = workshop;
  const start = { bundle, releases, image: await makeImage(workshop, before), before };
  const image = path.join(workshop.directory, `image-${workshop.images.size}`);
  await startFrom(start, async (cell) => {
    await accomplish(cell, last);
    if (before.length === 0) await fill(bundle, siteAt(cell, releaseIn(last.of)));
    await accomplish(cell, { of: last.of, parameters: ['stop'] });
    await bundle.beside?.keep(cell);
    const copied = await run(['cp', '-a', inside(cell, CELL.written), image]);
    if (copied.exitCode !== 0) throw new Error(copied.stderr);
  });
  workshop.images.set(key, image);
  return image;
}

/** Adds data to a new instance and checks them: otherwise a loss would not be noticed. */
async function fill(bundle: TestedBundle, site: Site): Promise<void> {
  await bundle.fill?.(site, bundle.port, TEXT);
  const servesAt = await bundle.observe(site);
  if (!(await servesAt(bundle.port))) throw new Error(`${bundle.name} does not serve its data`);
}

/** Calls `use` with a cell, with or without a serving instance. */
export async function startFrom<T>(
  { bundle, releases, image, before }: Start,
  use: (cell: Machine) => Promise<T>,
): Promise<T> {
  return inCell({ releases, image, size: bundle.size }, async (cell) => {
    await bundle.beside?.start(cell);
    const last = before.at(-1);
    if (last !== undefined) await accomplish(cell, { of: last.of, parameters: ['start'] });
    return use(cell);
  });
}
