import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { accomplish, releaseIn, type Command, type ReleaseAge } from './support/cell.ts';
import { CELL, startCell, type Machine } from './support/machine.ts';
import { openWorkshop } from './support/recording.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { shell } from './support/succeed.ts';

/** What the account puts in the place of a path. */
const KINDS = ['link', 'hard link', 'fifo', 'directory', 'huge file'] as const;
type Kind = (typeof KINDS)[number];

/** A command of bootstrap.sh, and the copy of an instance that it starts from. */
interface Scene {
  readonly argv: readonly string[];
  readonly pristine: string;
  /** Whose instance it is at the beginning. */
  readonly of: ReleaseAge;
  /** The service runs when the enemy begins. */
  readonly running?: boolean;
}

/** As hostile-cases.py takes it. */
interface Case extends Scene {
  /** `static`: the paths, relative to the instance, are exchanged beforehand. Otherwise see hostile-account.py. */
  readonly how: 'static' | 'told' | 'loop' | 'locks' | 'impostors' | 'trace';
  readonly kind?: Kind;
  readonly paths?: readonly string[];
  /** For `told`: how often root may look at a path before it is exchanged. */
  readonly after?: number;
  /** For `told` and `loop`: the directories of the instance in which paths are exchanged; all of them unless told. */
  readonly places?: readonly string[];
  /** Seconds that the command takes without an enemy. */
  readonly usual?: number;
  /** How it may end; any way unless told. */
  readonly exitCodes?: readonly number[];
}

interface Verdict {
  readonly faults: readonly string[];
  readonly exitCode: number | null;
  readonly said: string;
  readonly seconds: number;
}

/** What an undisturbed run names in directories that the account may write. */
interface Trace extends Omit<Verdict, 'faults'> {
  readonly paths: readonly string[];
}

const DRIVER = path.join(import.meta.dirname, 'support', 'hostile-cases.py');
const PRISTINE = '/mnt/pristine';
/** Seconds that a start may take; one that the account spoils is given up after a minute in which nothing is done. */
const WAIT = 120;
const SAVED = path.join(CELL.site, 'saved.tar.gz');
/** One process of Keystone's is enough, and quicker. */
const INSTALL = ['install', '--processes', '1'];

const present = (...argv: readonly string[]): Scene => ({ argv, pristine: 'present', of: 'present' });
const running = (...argv: readonly string[]): Scene => ({ ...present(...argv), running: true });

/** They end soon: the service does not run, and is not started. */
const QUICK: readonly Scene[] = [
  present('status'),
  present('verify'),
  present('plan', '--port', '5001'),
  present('show-config'),
  present('backup'),
  present('maintain'),
  present('stop'),
  present('uninstall'),
  present('uninstall', '--purge', '--yes'),
];
const STARTING: readonly Scene[] = [
  present('start'),
  present('restore', SAVED),
  present('install', '--port', '5001'),
  present('restart'),
];
/** The former release's instance, and the present one's after an upgrade. */
const MOVING = (): readonly Scene[] => [
  { argv: ['upgrade', '--from', releaseIn('former')], pristine: 'former', of: 'former' },
  { argv: ['rollback'], pristine: 'upgraded', of: 'present' },
];
const RUNNING: readonly Scene[] = [
  running('status'),
  running('backup'),
  running('maintain'),
  running('install', '--host', 'localhost'),
  running('stop'),
  running('uninstall'),
];

const lacking = await whyNoMachines(['strace']);

describe.skipIf(lacking !== undefined)(
  `root, while the service's account is its enemy${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let cell: Machine;

    beforeAll(async () => {
      const workshop = await openWorkshop();
      cell = await startCell({ releases: workshop.releases, size: '400m' });
      const make = async (name: string, of: ReleaseAge, ...commands: readonly Command[]): Promise<void> => {
        for (const command of commands) await accomplish(cell, command);
        await accomplish(cell, { of, parameters: ['stop'] });
        await shell(cell, 'mkdir -p "$1" && cp -a "$0" "$1/$2"', instanceOf(of), PRISTINE, name);
      };
      const command = (of: ReleaseAge, ...parameters: readonly string[]): Command => ({ of, parameters });
      await make('present', 'present', command('present', ...INSTALL), command('present', 'backup', SAVED));
      await shell(cell, 'rm -r "$0"', instanceOf('present'));
      await make('former', 'former', command('former', ...INSTALL));
      if (exhaustive) {
        await make('upgraded', 'present', command('present', 'upgrade', '--from', releaseIn('former')));
      }
      return async () => {
        await cell.destroy();
        await workshop.remove();
      };
    });

    const instanceOf = (age: ReleaseAge): string => path.join(releaseIn(age), 'instance');
    /** Lets the driver work off the cases; what it answers, in order. */
    const drive = async <T>(cases: readonly Case[]): Promise<readonly T[]> => {
      const release = releaseIn('present');
      const input = cases
        .map((one) => `${JSON.stringify({ ...one, release, instance: instanceOf(one.of) })}\n`)
        .join('');
      const argv = [`${release}/bin/python3`, '-I', '-B', DRIVER, CELL.site, PRISTINE];
      const ran = await cell.execute(argv, { input, timeout: 3_600_000 });
      const answers = ran.stdout.split('\n').filter((line) => line !== '');
      if (answers.length !== cases.length) throw new Error(`the driver fails: ${ran.stderr}`);
      return answers.map((line) => JSON.parse(line) as T);
    };
    const faultsOf = async (cases: readonly Case[]): Promise<string[]> => {
      const verdicts = await drive<Verdict>(cases);
      return verdicts.flatMap(({ faults }, index) => {
        const { argv = [], how = '', kind = '', paths = [] } = cases[index] ?? {};
        return faults.map((fault) => `${argv.join(' ')}, ${how} ${kind} ${paths.join(' ')}: ${fault}`);
      });
    };
    /** Everything that the scenes name where the account could put something else, by scene. */
    const traces = async (scenes: readonly Scene[]): Promise<ReadonlyMap<Scene, Trace>> => {
      const found = await drive<Trace>(scenes.map((scene) => ({ ...scene, how: 'trace' })));
      return new Map(
        scenes.map((scene, index) => [scene, found[index] ?? expect.fail('a scene has no trace')]),
      );
    };
    /** The scenes with each kind of exchange, for each group of the paths that they name. */
    const planted = async (
      scenes: readonly Scene[],
      groupOf: (name: string) => string,
    ): Promise<readonly Case[]> => {
      const cases: Case[] = [];
      for (const [scene, { paths, seconds }] of await traces(scenes)) {
        // A test that exchanges nothing must not pass.
        expect(paths.length).toBeGreaterThan(8);
        for (const group of groupsOf(paths, groupOf)) {
          for (const kind of KINDS)
            cases.push({ ...scene, how: 'static', kind, paths: group, usual: seconds });
        }
      }
      return cases;
    };

    it('reads, writes, gives and shows nothing through what stands in the place of a path', async () => {
      const scenes = exhaustive ? [...QUICK, ...STARTING, ...MOVING(), ...RUNNING] : QUICK.slice(0, 6);
      const secrets = (name: string): string => (/^(?:keys|data)\//.test(name) ? 'secrets' : 'others');
      const level = (name: string): string => `${secrets(name)} ${name.split('/').length}`;
      expect(await faultsOf(await planted(scenes, exhaustive ? (name) => name : level))).toEqual([]);
    });

    it('follows nothing that is exchanged the moment it looks', async () => {
      const scenes = exhaustive ? [...QUICK, ...STARTING, ...MOVING(), ...RUNNING] : [...QUICK, ...STARTING];
      const kinds = exhaustive ? KINDS : KINDS.slice(0, 1);
      const hows = exhaustive ? (['told', 'loop'] as const) : (['told'] as const);
      const cases = scenes.flatMap((scene) =>
        kinds.flatMap((kind) => hows.map((how): Case => ({ ...scene, how, kind, usual: WAIT }))),
      );
      expect(await faultsOf(cases)).toEqual([]);
    });

    it('follows nothing that is exchanged after it has looked', async () => {
      const scenes = exhaustive ? [...QUICK, ...STARTING, ...MOVING(), ...RUNNING] : STARTING.slice(1, 2);
      const kinds = exhaustive ? KINDS : KINDS.slice(0, 1);
      const often = exhaustive ? [1, 2, 3, 5, 8] : [1];
      const cases = scenes.flatMap((scene) =>
        kinds.flatMap((kind) =>
          often.flatMap((after) =>
            ['keys', 'data', 'log', 'run', 'tmp'].map((place): Case => ({
              ...scene,
              how: 'told',
              kind,
              after,
              places: [place],
              usual: WAIT,
            })),
          ),
        ),
      );
      expect(await faultsOf(cases)).toEqual([]);
    });

    it('writes no backup through a directory that is a link, and starts with none', async () => {
      const cases = [...STARTING.slice(0, 2), ...(exhaustive ? [] : MOVING().slice(0, 1))].flatMap((scene) =>
        ['keys/fernet', 'log/keystone'].map((name): Case => ({
          ...scene,
          how: 'static',
          kind: 'link',
          paths: [name],
          usual: 60,
        })),
      );
      expect(await faultsOf(cases)).toEqual([]);
    });

    it('waits for no lock that the account can hold, and signals no process but its own', async () => {
      const scenes = [present('stop'), present('uninstall'), ...(exhaustive ? RUNNING : [])];
      const cases = scenes.flatMap((scene) =>
        (['locks', 'impostors'] as const).map((how): Case => ({ ...scene, how, usual: 10, exitCodes: [0] })),
      );
      expect(await faultsOf(cases)).toEqual([]);
    });
  },
);

/** The names, in groups. */
function groupsOf(names: readonly string[], groupOf: (name: string) => string): readonly string[][] {
  const groups = new Map<string, string[]>();
  for (const name of names) groups.set(groupOf(name), [...(groups.get(groupOf(name)) ?? []), name]);
  return [...groups.values()];
}
