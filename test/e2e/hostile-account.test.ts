import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { accomplish, releaseIn, type ReleaseAge } from './support/cell.ts';
import { CELL, startCell, type Machine } from './support/machine.ts';
import { openWorkshop } from './support/recording.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { shell } from './support/succeed.ts';
import { KEYSTONE } from './support/tested-bundle.ts';

/** What the account puts in the place of a path. */
const KINDS = ['link', 'hard link', 'fifo', 'directory', 'huge file'] as const;
/** Another one for each path; in all five of them together, each path has had each kind. */
const MIXED = ['mixed 0', 'mixed 1', 'mixed 2', 'mixed 3', 'mixed 4'] as const;
type Kind = (typeof KINDS)[number] | (typeof MIXED)[number];

/** A command of bootstrap.sh, and the copy of an instance that it starts from. */
interface Scene {
  readonly argv: readonly string[];
  readonly pristine: string;
  /** Whose instance it is at the beginning. */
  readonly of: ReleaseAge;
  /** The service runs when the enemy begins. */
  readonly running?: boolean;
}

/** As hostile/cases.py takes it. */
interface Case extends Scene {
  /** `static`: the paths, relative to the instance, are exchanged beforehand. Otherwise see hostile/account.py. */
  readonly how: 'static' | 'told' | 'loop' | 'locks' | 'impostors' | 'trace';
  readonly kind?: Kind;
  readonly paths?: readonly string[];
  /** For `told`: how often root may look at a path before it is exchanged. */
  readonly after?: number;
  /** For `told` and `loop`: the directories of the instance in which paths are exchanged; all of them by default. */
  readonly places?: readonly string[];
  /** Seconds that the command takes without an enemy. */
  readonly usual?: number;
  /** How it may end; any way by default. */
  readonly exitCodes?: readonly number[];
  /** Through bootstrap.sh, which checks every byte of the release first, and not from where that ends. */
  readonly script?: boolean;
  /** Where the command stops, it is run again without an enemy at what it names, until it stops at nothing. */
  readonly peel?: boolean;
  /** How it ends without an enemy; 0 by default. */
  readonly normal?: number | null;
}

interface Verdict {
  readonly faults: readonly string[];
  /** How often the command was run. */
  readonly attempts: number;
  readonly exitCode: number | null;
  readonly said: string;
  readonly seconds: number;
}

/** What an undisturbed run names in directories that the account may write. */
interface Trace extends Omit<Verdict, 'faults' | 'attempts'> {
  readonly paths: readonly string[];
  /** Those of them that are directories at the beginning. */
  readonly directories: readonly string[];
}

const DRIVER = path.join(import.meta.dirname, 'support', 'hostile', 'cases.py');
const PRISTINE = '/mnt/pristine';
/** Seconds that a start may take; one that the account spoils is given up after a minute in which nothing is done. */
const WAIT = 120;
const SAVED = path.join(CELL.site, 'saved.tar.gz');
/** One process of Keystone's is enough, and quicker. */
const INSTALL = ['install', '--processes', '1'];

const present = (...argv: readonly string[]): Scene => ({ argv, pristine: 'present', of: 'present' });
const running = (scene: Scene): Scene => ({ ...scene, running: true });
/** The same with uWSGI in the place of httpd. */
const onUwsgi = (scene: Scene): Scene => ({ ...scene, pristine: 'uwsgi' });

const CERTIFICATE = path.join(CELL.site, 'other-node.pem');
const SEALED = path.join(releaseIn('present'), 'instance', 'keys.cms');

/** They end soon: the service does not run, and is not started. */
const QUICK: readonly Scene[] = [
  present('status'),
  present('verify'),
  present('plan', '--port', '5001'),
  present('show-config'),
  present('backup'),
  present('maintain'),
  present('keys', 'export', SEALED, '--recipient', CERTIFICATE),
  present('keys', 'rotate'),
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
/** Stands for the former release's directory. */
const FORMER = '<former>';
/** The former release's instance, and the present one's after an upgrade. */
const MOVING: readonly Scene[] = [
  { argv: ['upgrade', '--from', FORMER], pristine: 'former', of: 'former' },
  { argv: ['rollback'], pristine: 'upgraded', of: 'present' },
];
const RUNNING: readonly Scene[] = [
  ...['status', 'backup', 'maintain', 'stop', 'uninstall'].map((word) => running(present(word))),
  running(present('install', '--host', 'localhost')),
];
const UWSGI: readonly Scene[] = [
  present('start'),
  present('install', '--port', '5001'),
  running(present('status')),
  running(present('maintain')),
  running(present('restart')),
  running(present('stop')),
].map(onUwsgi);
const ALL: readonly Scene[] = [...QUICK, ...STARTING, ...MOVING, ...RUNNING, ...UWSGI];

const lacking = await whyNoMachines(['strace', 'openssl']);

describe.skipIf(lacking !== undefined)(
  `root, while the service's account is its enemy${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    /** The cases are shared out among them. */
    let cells: readonly Machine[];

    beforeAll(async () => {
      const workshop = await openWorkshop(KEYSTONE);
      const releases = workshop.releases;
      const start = async (): Promise<Machine> => {
        const cell = await startCell({ releases, size: '400m' });
        const key =
          'openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other-node -keyout /dev/null -out "$0"';
        await shell(cell, key, CERTIFICATE);
        const make = async (
          name: string,
          of: ReleaseAge,
          ...commands: readonly string[][]
        ): Promise<void> => {
          for (const parameters of [...commands, ['stop']]) await accomplish(cell, { of, parameters });
          await shell(cell, 'mkdir -p "$1" && cp -a "$0" "$1/$2"', instanceOf(of), PRISTINE, name);
        };
        await make('present', 'present', INSTALL, ['backup', SAVED]);
        await make('uwsgi', 'present', ['install', '--server', 'uwsgi']);
        await shell(cell, 'rm -r "$0"', instanceOf('present'));
        await make('former', 'former', INSTALL);
        await make('upgraded', 'present', ['upgrade', '--from', releaseIn('former')]);
        return cell;
      };
      cells = await Promise.all(Array.from({ length: exhaustive ? 2 : 1 }, start));
      return async () => {
        await Promise.all(cells.map((cell) => cell.destroy()));
        await workshop.remove();
      };
    });

    const instanceOf = (age: ReleaseAge): string => path.join(releaseIn(age), 'instance');
    /** Lets the drivers work off the cases; what they answer, in order. */
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
    const driveIn = async <T>(cell: Machine, cases: readonly Case[]): Promise<readonly T[]> => {
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
    /** The scene with each kind of exchange, for all paths that it names: first those of files, then of directories. */
    const planted = async (scene: Scene, kinds: readonly Kind[]): Promise<readonly Case[]> => {
      const [trace] = await drive<Trace>([{ ...scene, how: 'trace', script: exhaustive }]);
      const { paths, directories, seconds, exitCode: normal } = trace ?? expect.fail('there is no trace');
      // A test that exchanges nothing must not pass.
      expect(paths.length).toBeGreaterThan(8);
      const depth = (name: string): number => (directories.includes(name) ? name.split('/').length : 0);
      return groupsOf(paths, depth).flatMap((group) =>
        kinds.map((kind): Case => ({
          ...scene,
          how: 'static',
          kind,
          paths: group,
          // What fails takes back what it did, which takes its time, too.
          usual: 3 * seconds,
          normal,
          peel: true,
        })),
      );
    };
    const script = exhaustive;

    it.each(named([...QUICK, ...STARTING, ...MOVING]))(
      '%s: does so from the first line of bootstrap.sh on',
      async (_, scene) => {
        const told: Case = { ...scene, how: 'told', kind: 'mixed 1', usual: WAIT };
        const cases = [...(await planted(scene, ['mixed 0'])), told];
        expect(await faultsOf(cases.map((one) => ({ ...one, script: true, peel: exhaustive })))).toEqual([]);
      },
    );

    it.each(named(exhaustive ? ALL : QUICK.slice(0, 6)))(
      '%s: reads, writes, gives and shows nothing through what stands in the place of a path',
      async (_, scene) => {
        const cases = await planted(scene, MIXED);
        expect(await faultsOf(cases.map((one) => ({ ...one, script })))).toEqual([]);
      },
    );

    it.each(named(exhaustive ? ALL : [...QUICK, ...STARTING, ...UWSGI]))(
      '%s: follows nothing that is exchanged the moment it looks, or after that, or all the time',
      async (_, scene) => {
        const told: Case = { ...scene, how: 'told', kind: 'link', usual: WAIT, script };
        // Each path is every kind, and looked at so many times before, though not all of both together.
        const every = MIXED.flatMap((kind, index): readonly Case[] => [
          { ...told, kind, after: [0, 1, 2, 3, 5][index] ?? 0, peel: true },
          { ...told, kind, how: 'loop' },
        ]);
        expect(await faultsOf(exhaustive ? every : [told])).toEqual([]);
      },
    );

    it('restores through nothing that is exchanged after it was looked at once', async () => {
      const cases = ['keys', 'data', 'log', 'run', 'tmp'].map((place): Case => ({
        ...present('restore', SAVED),
        how: 'told',
        kind: 'link',
        usual: WAIT,
        after: 1,
        places: [place],
        script,
      }));
      expect(await faultsOf(cases)).toEqual([]);
    });

    it('writes no backup through a directory that is a link, and starts with none', async () => {
      const cases = [...STARTING.slice(0, 2), ...MOVING].flatMap((scene) =>
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
      const scenes = [
        present('stop'),
        present('uninstall'),
        ...(exhaustive ? [...RUNNING, ...UWSGI.filter(({ argv }) => argv[0] === 'stop')] : []),
      ];
      const cases = scenes.flatMap((scene) =>
        (['locks', 'impostors'] as const).map((how): Case => ({ ...scene, how, usual: 10, exitCodes: [0] })),
      );
      expect(await faultsOf(cases)).toEqual([]);
    });
  },
);

/** Scenes with the names that their tests have. */
function named(scenes: readonly Scene[]): readonly (readonly [name: string, scene: Scene])[] {
  return scenes.map((scene) => {
    const when = [scene.running ? 'running' : '', scene.pristine === 'uwsgi' ? 'uwsgi' : ''].filter(Boolean);
    return [`${scene.argv.join(' ')}${when.length > 0 ? ` (${when.join(', ')})` : ''}`, scene];
  });
}

/** The names, in groups. */
function groupsOf(names: readonly string[], groupOf: (name: string) => number): readonly string[][] {
  const groups = new Map<number, string[]>();
  for (const name of names) groups.set(groupOf(name), [...(groups.get(groupOf(name)) ?? []), name]);
  return [...groups.values()];
}
