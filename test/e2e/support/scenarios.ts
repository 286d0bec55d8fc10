import path from 'node:path';
import { releaseIn, type Command } from './cell.ts';
import { CELL } from './machine.ts';

/** A command whose run is disturbed, and what it starts from. */
export interface Scenario {
  readonly name: string;
  /** What makes the instance that the command works on; nothing where it makes the first one. */
  readonly before: readonly Command[];
  readonly command: Command;
  /** Ports of which one must issue tokens after the cut; none where the command takes the service down. */
  readonly ports: readonly number[];
  /** At how many points it is disturbed where not all are tried. */
  readonly samples: number;
}

const present = (...parameters: string[]): Command => ({ of: 'present', parameters });
const former = (...parameters: string[]): Command => ({ of: 'former', parameters });

/** One process of Keystone's is enough, and quicker. */
const ONE_PROCESS = ['install', '--processes', '1'];
export const INSTALL = present(...ONE_PROCESS);
export const OTHER_ANSWERS = present('install', '--host', 'localhost', '--port', '5001');
const UPGRADE = present('upgrade', '--from', releaseIn('former'));
const SAVED = path.join(CELL.site, 'saved.tar.gz');

export const SCENARIOS: readonly Scenario[] = [
  { name: 'the first install', before: [], command: INSTALL, ports: [], samples: 6 },
  {
    name: 'another address and another port',
    before: [INSTALL],
    command: OTHER_ANSWERS,
    ports: [5000, 5001],
    samples: 6,
  },
  { name: 'an upgrade', before: [former(...ONE_PROCESS)], command: UPGRADE, ports: [], samples: 1 },
  {
    name: 'a rollback',
    before: [former(...ONE_PROCESS), UPGRADE],
    command: present('rollback'),
    ports: [],
    samples: 1,
  },
  { name: 'a backup', before: [INSTALL], command: present('backup'), ports: [5000], samples: 1 },
  {
    name: 'a restore',
    before: [INSTALL, present('backup', SAVED), OTHER_ANSWERS],
    command: present('restore', SAVED),
    ports: [],
    samples: 1,
  },
  {
    name: 'an uninstall',
    before: [INSTALL],
    command: present('uninstall'),
    ports: [],
    samples: 1,
  },
  {
    name: 'a purge',
    before: [INSTALL],
    command: present('uninstall', '--purge', '--yes'),
    ports: [],
    samples: 1,
  },
];
