import path from 'node:path';
import { releaseIn, type Command } from './cell.ts';
import { CELL } from './machine.ts';
import type { Point } from './points.ts';
import { exhaustive } from './requirements.ts';
import { EMBEDDED, KEYSTONE, NOTES, REDIS, type TestedBundle } from './tested-bundle.ts';

/** A command whose run is disturbed, and what it starts from. */
export interface Scenario {
  readonly name: string;
  /** What makes the instance that the command works on; nothing where it makes the first one. */
  readonly before: readonly Command[];
  readonly command: Command;
  /** Ports of which one must serve after the cut; none where the command takes the service down. */
  readonly ports: readonly number[];
  /** At how many points it is disturbed where not all are tried. */
  readonly samples: number;
}

const present = (...parameters: string[]): Command => ({ of: 'present', parameters });
const former = (...parameters: string[]): Command => ({ of: 'former', parameters });

const SAVED = path.join(CELL.site, 'saved.tar.gz');

export function installOf({ install }: TestedBundle): Command {
  return present('install', ...install);
}

export function otherAnswersOf({ otherPort }: TestedBundle): Command {
  return present('install', '--host', 'localhost', '--port', String(otherPort));
}

/** Every command that changes an instance. */
function scenariosOf(bundle: TestedBundle): readonly Scenario[] {
  const install = installOf(bundle);
  const otherAnswers = otherAnswersOf(bundle);
  const upgrade = present('upgrade', '--from', releaseIn('former'));
  const formerInstall = former('install', ...bundle.install);
  const { port, otherPort } = bundle;
  return [
    { name: 'the first install', before: [], command: install, ports: [], samples: 6 },
    {
      name: 'another address and another port',
      before: [install],
      command: otherAnswers,
      ports: [port, otherPort],
      samples: 6,
    },
    { name: 'an upgrade', before: [formerInstall], command: upgrade, ports: [], samples: 1 },
    {
      name: 'a rollback',
      before: [formerInstall, upgrade],
      command: present('rollback'),
      ports: [],
      samples: 1,
    },
    { name: 'a backup', before: [install], command: present('backup'), ports: [port], samples: 1 },
    {
      name: 'a restore',
      before: [install, present('backup', SAVED), otherAnswers],
      command: present('restore', SAVED),
      ports: [],
      samples: 1,
    },
    {
      name: 'an uninstall',
      before: [install],
      command: present('uninstall'),
      ports: [],
      samples: 1,
    },
    {
      name: 'a purge',
      before: [install],
      command: present('uninstall', '--purge', '--yes'),
      ports: [],
      samples: 1,
    },
  ];
}

/** What is tried of a bundle. */
export interface Share {
  readonly bundle: TestedBundle;
  readonly name: string;
  readonly scenarios: readonly Scenario[];
  /** Whether a run is disturbed at the points of the bundle's own programs alone. */
  readonly helpersOnly: boolean;
}

/**
 * All of it is tried with a small bundle, whose install takes a second. Of redis, a data directory; of Keystone, its own
 * programs: first boot, and changes of the catalog. Neither of its two versions has a database to migrate. Of the server
 * that keeps data in the instance, what exchanges them.
 */
export const SHARES: readonly Share[] = [
  shareOf(NOTES, /./),
  shareOf(REDIS, /upgrade|rollback|restore/),
  { ...shareOf(KEYSTONE, /first|another/), helpersOnly: !exhaustive },
  shareOf(EMBEDDED, /upgrade|restore/),
];

function shareOf(bundle: TestedBundle, some: RegExp): Share {
  const all = scenariosOf(bundle);
  const scenarios = exhaustive ? all : all.filter(({ name }) => some.test(name));
  return { bundle, name: bundle.name, scenarios, helpersOnly: false };
}

/** The points at which runs of a share are disturbed. */
export function pointsOf({ bundle, helpersOnly }: Share, points: readonly Point[]): readonly Point[] {
  return helpersOnly ? points.filter(({ caller }) => bundle.helpers.includes(caller)) : points;
}
