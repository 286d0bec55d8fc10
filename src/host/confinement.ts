import { openConfinement, type Confinement } from '../io/confinement.ts';
import { findThose } from './find.ts';
import { CONFINEMENT_TOOLS } from './tools.ts';

/** Where distributions keep programs that mostly root runs; not on everybody's `PATH`. */
const SYSTEM_DIRECTORIES = ['/usr/sbin', '/sbin'];

export interface ConfinementPlace {
  /** Empty directory that becomes the root of confined programs, made if need be. */
  readonly root: string;
  readonly signal?: AbortSignal | undefined;
}

/** Finds out how far build steps can be shut in on this machine, with the programs that it has. */
export async function findConfinement({ root, signal }: ConfinementPlace): Promise<Confinement> {
  const searchPath = [process.env['PATH'] ?? '', ...SYSTEM_DIRECTORIES].join(':');
  const found = await findThose(CONFINEMENT_TOOLS, searchPath);
  return openConfinement({ programs: new Map(found.map(({ name, path }) => [name, path])), root, signal });
}
