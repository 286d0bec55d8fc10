import path from 'node:path';
import { expect, it } from 'vitest';
import { releaseIn } from './support/cell.ts';
import {
  describeStage,
  FORMER,
  instanceOf,
  makeRecipient,
  MIXED,
  named,
  running,
  WAIT,
  type Case,
  type Scene,
} from './support/hostile/harness.ts';
import { CELL } from './support/machine.ts';
import { exhaustive } from './support/requirements.ts';
import { shell } from './support/succeed.ts';
import { KEYSTONE } from './support/tested-bundle.ts';

const SAVED = path.join(CELL.site, 'saved.tar.gz');
/** One process of Keystone is enough, and faster. */
const INSTALL = ['install', '--processes', '1'];

const present = (...argv: readonly string[]): Scene => ({ argv, pristine: 'present', of: 'present' });
/** The same with uWSGI instead of httpd. */
const onUwsgi = (scene: Scene): Scene => ({ ...scene, pristine: 'uwsgi' });

const RECIPIENT = path.join(CELL.site, 'recipient.pem');

/** They end soon: the service does not run, and is not started. */
const QUICK: readonly Scene[] = [
  { ...present('status'), ends: 8 },
  { ...present('verify'), ends: 8 },
  present('plan', '--port', '5001'),
  present('show-config'),
  present('backup'),
  present('maintain'),
  present('keys', 'export', path.join(instanceOf('present'), 'keys.cms'), '--recipient', RECIPIENT),
  present('keys', 'rotate'),
  { ...present('keys', 'forget', 'another-node:/srv/keystone'), ends: 3 },
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
const STOPPED: readonly Scene[] = [...QUICK, ...STARTING, ...MOVING];
/** The exhaustive form goes on until these reach every path; the others take the same paths while daemons run. */
const EVERY_PATH = new Set(STOPPED);
const ALL: readonly Scene[] = [...STOPPED, ...RUNNING, ...UWSGI];
/** One that bootstrap.sh runs on a damaged release, one that changes nothing, one that writes, and one that moves. */
const FROM_THE_FIRST_LINE = STOPPED.filter(({ argv }) =>
  ['status', 'plan', 'install', 'upgrade'].includes(argv[0] ?? ''),
);
/** In CI, what stands in the place of a path is of every kind for these, and they go on until they reach every path. */
const EVERY_KIND = new Set(QUICK.slice(0, 3));

describeStage(
  "root, while the service's account is its enemy",
  {
    bundle: KEYSTONE,
    prepare: async (cell, keep) => {
      await makeRecipient(cell, RECIPIENT);
      await keep('present', 'present', INSTALL, ['backup', SAVED]);
      await keep('uwsgi', 'present', ['install', '--server', 'uwsgi']);
      await shell(cell, 'rm -r "$0"', instanceOf('present'));
      await keep('former', 'former', INSTALL);
      await keep('upgraded', 'present', ['upgrade', '--from', releaseIn('former')]);
    },
  },
  ({ planted, faultsOf }) => {
    it.each(named(exhaustive ? STOPPED : FROM_THE_FIRST_LINE))(
      '%s: does so from the first line of bootstrap.sh on',
      async (_, scene) => {
        const told: Case = { ...scene, how: 'told', kind: 'mixed 1', usual: WAIT };
        const cases = [...(await planted(scene, ['mixed 0'])), told];
        expect(await faultsOf(cases.map((one) => ({ ...one, script: true, peel: exhaustive })))).toEqual([]);
      },
    );

    it.each(named(exhaustive ? ALL : STOPPED))(
      '%s: reads, writes, gives and shows nothing through what stands in the place of a path',
      async (_, scene) => {
        const every = exhaustive || EVERY_KIND.has(scene);
        const cases = await planted(scene, every ? MIXED : MIXED.slice(0, 1));
        const peel = every && EVERY_PATH.has(scene);
        expect(await faultsOf(cases.map((one) => ({ ...one, peel })))).toEqual([]);
      },
    );

    it.each(named(exhaustive ? ALL : [...QUICK, ...STARTING, ...UWSGI]))(
      '%s: follows nothing that is exchanged the moment it looks, or after that, or all the time',
      async (_, scene) => {
        const told: Case = { ...scene, how: 'told', kind: 'link', usual: WAIT };
        // Covers each kind and each number of looks for every path, but not all combinations. A start takes seconds,
        // and a stopped one is repeated for each path: commands with one reach every path with the first kinds only.
        const every = MIXED.flatMap((kind, index): readonly Case[] => [
          {
            ...told,
            kind,
            after: [0, 1, 2, 3, 5][index] ?? 0,
            peel: QUICK.includes(scene) || (index === 0 && EVERY_PATH.has(scene)),
          },
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
