import path from 'node:path';
import { beforeAll, describe, expect } from 'vitest';
import { accomplish, releaseIn, type ReleaseAge } from '../cell.ts';
import { CELL, startCell, type Machine } from '../machine.ts';
import { openWorkshop } from '../recording.ts';
import { exhaustive, whyNoMachines } from '../requirements.ts';
import { shell } from '../succeed.ts';
import type { TestedBundle } from '../tested-bundle.ts';

/** Each replaces every path by another kind; all five together cover each kind for each path. */
export const MIXED = ['mixed 0', 'mixed 1', 'mixed 2', 'mixed 3', 'mixed 4'] as const;
/** The account's replacement for a path. */
type Kind = 'link' | (typeof MIXED)[number];

/** A command of bootstrap.sh, and the copied instance that it starts from. */
export interface Scene {
  readonly argv: readonly string[];
  readonly pristine: string;
  /** Owner of the instance at the start. */
  readonly of: ReleaseAge;
  /** The service runs when the enemy starts. */
  readonly running?: boolean;
  /** How it ends without an enemy; 0 by default. */
  readonly ends?: number;
}

/** As in cases.py. */
export interface Case extends Scene {
  /** `static`: the paths, relative to the instance, are exchanged before the run. Otherwise see account.py. */
  readonly how: 'static' | 'told' | 'loop' | 'locks' | 'impostors' | 'trace';
  readonly kind?: Kind;
  readonly paths?: readonly string[];
  /** For `told`: root's looks at a path before it is exchanged. */
  readonly after?: number;
  /** For `told` and `loop`: the directories of the instance in which paths are exchanged; all of them by default. */
  readonly places?: readonly string[];
  /** Seconds that the command takes without an enemy. */
  readonly usual?: number;
  /** Allowed exit codes; any by default. */
  readonly exitCodes?: readonly number[];
  /** Runs all of bootstrap.sh, which first checks every byte of the release. */
  readonly script?: boolean;
  /** Runs a stopped command again without an enemy at the path that it names, until it succeeds. */
  readonly peel?: boolean;
}

interface Verdict {
  readonly faults: readonly string[];
  /** Number of runs. */
  readonly attempts: number;
  readonly exitCode: number | null;
  readonly said: string;
  readonly seconds: number;
}

/** Paths of an undisturbed run in directories that the account may write. */
interface Trace extends Omit<Verdict, 'faults' | 'attempts'> {
  readonly paths: readonly string[];
  /** Those that are directories at the start. */
  readonly directories: readonly string[];
}

const DRIVER = path.join(import.meta.dirname, 'cases.py');
const PRISTINE = '/mnt/pristine';
/** Time-out of a start in seconds; a spoilt one is given up after an idle minute. */
export const WAIT = 120;
/** Placeholder for the former release's directory in `argv`. */
export const FORMER = '<former>';

/** Makes an instance with commands of a release, stops it and keeps a copy with this name. */
export type Keep = (name: string, of: ReleaseAge, ...commands: readonly string[][]) => Promise<void>;

/** Cells in which root works against a hostile service account. */
export interface Stage {
  /** The scene with each kind of exchange, for all its paths: first of files, then of directories. */
  readonly planted: (scene: Scene, kinds: readonly Kind[]) => Promise<readonly Case[]>;
  /** Faults of any case. */
  readonly faultsOf: (cases: readonly Case[]) => Promise<string[]>;
}

interface StageOptions {
  readonly bundle: TestedBundle;
  /** Keeps the instances that scenes start from, in each cell. */
  readonly prepare: (cell: Machine, keep: Keep) => Promise<void>;
}

const lacking = await whyNoMachines(['strace', 'openssl']);

/** Describes tests of releases of a bundle on a stage, which opens before they run. */
export function describeStage(name: string, options: StageOptions, tests: (stage: Stage) => void): void {
  describe.skipIf(lacking !== undefined)(`${name}${lacking === undefined ? '' : ` (${lacking})`}`, () => {
    let open: Stage;
    beforeAll(async () => {
      const { remove, ...stage } = await openStage(options);
      open = stage;
      return remove;
    });
    tests({
      planted: (scene, kinds) => open.planted(scene, kinds),
      faultsOf: (cases) => open.faultsOf(cases),
    });
  });
}

async function openStage({
  bundle,
  prepare,
}: StageOptions): Promise<Stage & { readonly remove: () => Promise<void> }> {
  const workshop = await openWorkshop(bundle);
  const start = async (): Promise<Machine> => {
    const cell = await startCell({ releases: workshop.releases, size: '400m' });
    await prepare(cell, async (name, of, ...commands) => {
      for (const parameters of [...commands, ['stop']]) await accomplish(cell, { of, parameters });
      await shell(cell, 'mkdir -p "$1" && cp -a "$0" "$1/$2"', instanceOf(of), PRISTINE, name);
    });
    return cell;
  };
  /** The cases are distributed among them. */
  const cells = await Promise.all(Array.from({ length: exhaustive ? 2 : 1 }, start));

  /** Runs the cases on the drivers; returns the answers in order. */
  const drive = async <T>(cases: readonly Case[]): Promise<readonly T[]> => {
    const shares = await Promise.all(
      cells.map((cell, first) =>
        driveIn<T>(
          cell,
          cases.filter((_, index) => index % cells.length === first),
        ),
      ),
    );
    return cases.map((_, index) => {
      const share = shares[index % cells.length] ?? [];
      return share[Math.floor(index / cells.length)] ?? expect.fail('a case has no answer');
    });
  };
  const faultsOf = async (cases: readonly Case[]): Promise<string[]> => {
    const verdicts = await drive<Verdict>(cases);
    const runs = verdicts.reduce((sum, { attempts }) => sum + attempts, 0);
    process.stderr.write(`${cases.length} cases, the command was run ${runs} times\n`);
    return verdicts.flatMap(({ faults }, index) => {
      const { argv = [], how = '', kind = '', paths = [] } = cases[index] ?? {};
      return faults.map((fault) => `${argv.join(' ')}, ${how} ${kind} ${paths.join(' ')}: ${fault}`);
    });
  };
  /** By scene: the harness may plant in one more than once. */
  const traces = new Map<Scene, Promise<readonly Trace[]>>();
  const planted = async (scene: Scene, kinds: readonly Kind[]): Promise<readonly Case[]> => {
    const traced = traces.get(scene) ?? drive<Trace>([{ ...scene, how: 'trace' }]);
    traces.set(scene, traced);
    const [trace] = await traced;
    const { paths, directories, seconds, exitCode, said } = trace ?? expect.fail('there is no trace');
    // A command that is refused at once looks at few paths.
    expect(exitCode, said).toBe(scene.ends ?? 0);
    // A test that exchanges nothing must not pass.
    expect(paths.length).toBeGreaterThan(8);
    const depth = (name: string): number => (directories.includes(name) ? name.split('/').length : 0);
    return groupsOf(paths, depth).flatMap((group) =>
      kinds.map((kind): Case => ({
        ...scene,
        how: 'static',
        kind,
        paths: group,
        // A failing command undoes its work, which takes time, too.
        usual: 3 * seconds,
        peel: true,
      })),
    );
  };
  const remove = async (): Promise<void> => {
    await Promise.all(cells.map((cell) => cell.destroy()));
    await workshop.remove();
  };
  return { planted, faultsOf, remove };
}

async function driveIn<T>(cell: Machine, cases: readonly Case[]): Promise<readonly T[]> {
  const release = releaseIn('present');
  const input = cases
    .map((one) => ({
      ...one,
      argv: one.argv.map((word) => (word === FORMER ? releaseIn('former') : word)),
      release,
      instance: instanceOf(one.of),
    }))
    .map((one) => `${JSON.stringify(one)}\n`)
    .join('');
  const argv = [`${release}/bin/python3`, '-I', '-B', DRIVER, CELL.site, PRISTINE];
  const ran = await cell.execute(argv, { input, timeout: 3 * 3_600_000 });
  const answers = ran.stdout.split('\n').filter((line) => line !== '');
  if (answers.length !== cases.length) throw new Error(`the driver fails: ${ran.stderr}`);
  return answers.map((line) => JSON.parse(line) as T);
}

export function instanceOf(age: ReleaseAge): string {
  return path.join(releaseIn(age), 'instance');
}

export function running(scene: Scene): Scene {
  return { ...scene, running: true };
}

/** Makes the certificate and the key of somebody to whom keys are exported, as PEM in one file. */
export async function makeRecipient(cell: Machine, file: string): Promise<void> {
  const request =
    'openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=recipient -keyout "$0.key" -out "$0" && cat "$0.key" >>"$0"';
  await shell(cell, request, file);
}

/** Scenes by the names of their tests. */
export function named(scenes: readonly Scene[]): readonly (readonly [name: string, scene: Scene])[] {
  return scenes.map((scene) => {
    const start = [scene.pristine, ...(scene.running ? ['running'] : [])];
    return [`${scene.argv.join(' ')} (${start.join(', ')})`, scene];
  });
}

/** The names, in groups. */
function groupsOf(names: readonly string[], groupOf: (name: string) => number): readonly string[][] {
  const groups = new Map<number, string[]>();
  for (const name of names) groups.set(groupOf(name), [...(groups.get(groupOf(name)) ?? []), name]);
  return [...groups.values()];
}
