import path from 'node:path';
import { releaseIn, type Command } from './cell.ts';
import { CELL } from './machine.ts';
import type { Point } from './points.ts';
import { exhaustive } from './requirements.ts';
import { EMBEDDED, EXTERNAL, KEYSTONE, NOTES, REDIS, type TestedBundle } from './tested-bundle.ts';

/** A command to disturb, and its starting point. */
export interface Scenario {
  readonly name: string;
  /** Commands that create the instance; empty if the command creates the first. */
  readonly before: readonly Command[];
  readonly command: Command;
  /** Ports, one of which must serve after the interruption; empty if the command stops the service. */
  readonly ports: readonly number[];
  /** Number of points to disturb unless all are tried. */
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

/** Tests of a bundle. */
export interface Share {
  readonly bundle: TestedBundle;
  readonly name: string;
  readonly scenarios: readonly Scenario[];
  /** Whether to disturb only the bundle's own programs. */
  readonly helpersOnly: boolean;
}

/**
 * Tests everything with a small bundle that installs in a second; with redis, a data directory; with Keystone, its own
 * programs: first boot, and changes of the catalog, without a migration; with a server in the instance or beside it,
 * commands that exchange its data.
 */
export const SHARES: readonly Share[] = [
  shareOf(NOTES, /./),
  shareOf(REDIS, /upgrade|rollback|restore/),
  { ...shareOf(KEYSTONE, /first|another/), helpersOnly: !exhaustive },
  shareOf(EMBEDDED, /upgrade|restore/),
  shareOf(EXTERNAL, /upgrade/),
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
