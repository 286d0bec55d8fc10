import type { Emit } from '../domain/events.ts';
import { findConfinement, type ConfinementPlace } from '../host/confinement.ts';
import type { Confinement } from '../io/confinement.ts';

/** Finds out how far programs can be shut in here, and says so where it is not all the way. */
export async function confine({
  emit,
  ...place
}: ConfinementPlace & { readonly emit: Emit }): Promise<Confinement> {
  const confinement = await findConfinement(place);
  if (confinement.level !== 'full') {
    emit({
      type: 'warning',
      message: `the programs that this runs are not shut in: ${describeOpen(confinement)}`,
      hint: 'what they use is pinned all the same; to shut them in, let this account make user namespaces, or run this as root',
    });
  }
  return confinement;
}

function describeOpen({ level, why }: Confinement): string {
  const open =
    level === 'network' ? 'they reach files and processes' : 'they reach the network, files and processes';
  return `${open} as far as this account does${why === undefined ? '' : ` (${why})`}`;
}
