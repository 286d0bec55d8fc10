import type { Emit } from '../domain/events.ts';
import { findConfinement, type ConfinementPlace } from '../host/confinement.ts';
import type { Confinement } from '../io/confinement.ts';

/** Determines how far programs can be confined here, and warns if not completely. */
export async function confine({
  emit,
  ...place
}: ConfinementPlace & { readonly emit: Emit }): Promise<Confinement> {
  const confinement = await findConfinement(place);
  if (confinement.level !== 'full') {
    emit({
      type: 'warning',
      message: `programs that this command runs are not isolated: ${describeOpen(confinement)}`,
      hint: 'their inputs are still pinned; to isolate them, allow user namespaces for this account, or run ksbundle as root',
    });
  }
  return confinement;
}

function describeOpen({ level, why }: Confinement): string {
  const open =
    level === 'network'
      ? 'they can access files and processes'
      : 'they can access the network, files and processes';
  return `${open} with the rights of this account${why === undefined ? '' : ` (${why})`}`;
}
