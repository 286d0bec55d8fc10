import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ifThere } from '../io/if-there.ts';
import { openConfinement, type Confinement } from '../io/confinement.ts';
import { findThose, type FoundTool } from './find.ts';
import { installCommands, packageManagerOf, readOsRelease } from './package-manager.ts';
import { CONFINEMENT_TOOLS } from './tools.ts';

/** Directories of programs for root, which may be missing in `PATH`. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin'];

export interface ConfinementPlace {
  /** Empty directory that becomes the root of confined programs; created if missing. */
  readonly root: string;
  readonly signal?: AbortSignal | undefined;
}

/** Kernel settings that forbid user namespaces: file below `/`, the value that forbids them, and the remedy. */
const FORBIDDING = [
  ['proc/sys/user/max_user_namespaces', '0', 'sysctl -w user.max_user_namespaces=10000'],
  ['proc/sys/kernel/unprivileged_userns_clone', '0', 'sysctl -w kernel.unprivileged_userns_clone=1'],
  [
    'proc/sys/kernel/apparmor_restrict_unprivileged_userns',
    '1',
    'sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
  ],
] as const;

/** What to do as root so that programs can be confined here: install a package, or allow namespaces. */
export async function confinementRemedies(hostRoot = '/'): Promise<readonly string[]> {
  const found = await findConfinementTools();
  const missing = CONFINEMENT_TOOLS.filter(({ name }) => !found.some((tool) => tool.name === name));
  const install =
    missing.length === 0 ? [] : installCommands(missing, packageManagerOf(await readOsRelease()));
  const settings = await Promise.all(
    FORBIDDING.map(async ([file, forbidding, remedy]) => {
      const value = await ifThere(readFile(path.join(hostRoot, file), 'utf8'));
      return value?.trim() === forbidding ? [remedy] : [];
    }),
  );
  return [...(install.length === 0 ? [] : [install.join('   or   ')]), ...settings.flat()];
}

async function findConfinementTools(): Promise<readonly FoundTool[]> {
  return findThose(CONFINEMENT_TOOLS, [process.env['PATH'] ?? '', ...SYSTEM_DIRECTORIES].join(':'));
}

/** Determines how far this machine and its programs can confine build steps. */
export async function findConfinement({ root, signal }: ConfinementPlace): Promise<Confinement> {
  const found = await findConfinementTools();
  return openConfinement({ programs: new Map(found.map((tool) => [tool.name, tool.path])), root, signal });
}
