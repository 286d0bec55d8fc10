import type { Emit } from '../domain/events.ts';
import { confinementRemedies, findConfinement, type ConfinementPlace } from '../host/confinement.ts';
import type { Confinement } from '../io/confinement.ts';

/** Determines how far programs can be confined here, and warns if not completely. */
export async function confine({
  emit,
  ...place
}: ConfinementPlace & { readonly emit: Emit }): Promise<Confinement> {
  const confinement = await findConfinement(place);
  const gap = await gapOf(confinement);
  if (gap !== undefined) {
    const message = `programs that this command runs are not isolated: ${gap.open}`;
    emit({ type: 'warning', message, hint: gap.hint });
  }
  return confinement;
}

/** What programs can access in spite of confinement, and what to do about it; undefined if it is complete. */
export async function gapOf(
  confinement: Confinement,
): Promise<{ readonly open: string; readonly hint: string } | undefined> {
  if (confinement.level === 'full') return undefined;
  const remedies = await confinementRemedies();
  const remedy =
    remedies.length === 0
      ? 'allow user namespaces for this account, or run ksbundle as root'
      : `run as root: ${remedies.join('; ')}`;
  return {
    open: describeOpen(confinement),
    hint: `their inputs are still pinned; to isolate them, ${remedy}`,
  };
}

function describeOpen({ level, why }: Confinement): string {
  const open =
    level === 'network'
      ? 'they can access files and processes'
      : 'they can access the network, files and processes';
  return `${open} with the rights of this account${why === undefined ? '' : ` (${why})`}`;
}
