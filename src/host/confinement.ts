import { openConfinement, type Confinement } from '../io/confinement.ts';
import { findThose } from './find.ts';
import { CONFINEMENT_TOOLS } from './tools.ts';

/** Directories of programs for root, which may be missing in `PATH`. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin'];

export interface ConfinementPlace {
  /** Empty directory that becomes the root of confined programs; created if missing. */
  readonly root: string;
  readonly signal?: AbortSignal | undefined;
}

/** Determines how far this machine and its programs can confine build steps. */
export async function findConfinement({ root, signal }: ConfinementPlace): Promise<Confinement> {
  const searchPath = [process.env['PATH'] ?? '', ...SYSTEM_DIRECTORIES].join(':');
  const found = await findThose(CONFINEMENT_TOOLS, searchPath);
  return openConfinement({ programs: new Map(found.map(({ name, path }) => [name, path])), root, signal });
}
