import { normalizeDistribution, requirementName } from '../domain/distribution.ts';
import type { Lockfile } from '../domain/lock.ts';

/** Why a distribution is in a bundle. */
export interface DistributionReason {
  /** Normalised. */
  readonly name: string;
  readonly version: string;
  /** The component that installs it, unless it is a wheel. */
  readonly component?: string;
  /**
   * For each distribution that requires it, the shortest chain of names from one of the bundle's requirements over that
   * one to it; for a requirement of the bundle also the chain of it alone. Shortest first, then by name.
   */
  readonly chains: readonly (readonly string[])[];
}

/** Tells why the distribution `name` (in any spelling) is in the bundle; undefined if it is not. */
export function whyDistribution(lockfile: Lockfile, name: string): DistributionReason | undefined {
  const entries = [...lockfile.wheels, ...lockfile.built];
  const wanted = normalizeDistribution(name);
  const entry = entries.find((candidate) => candidate.name === wanted);
  if (entry === undefined) return undefined;
  const requires = new Map(entries.map((candidate) => [candidate.name, candidate.requires]));
  const roots = lockfile.requirements.flatMap((requirement) => requirementName(requirement) ?? []);
  const shortest = shortestChains(roots, requires, wanted);
  const chains = entries.flatMap((requirer) => {
    const chain = requirer.requires.includes(wanted) ? shortest.get(requirer.name) : undefined;
    return chain === undefined ? [] : [[...chain, wanted]];
  });
  if (roots.includes(wanted)) chains.push([wanted]);
  return {
    name: wanted,
    version: entry.version,
    ...('component' in entry ? { component: entry.component } : {}),
    chains: chains.toSorted((a, b) => a.length - b.length || (a.join(' ') < b.join(' ') ? -1 : 1)),
  };
}

/** Breadth first from the roots: the shortest chain to everything that is reached without passing `avoided`. */
function shortestChains(
  roots: readonly string[],
  requires: ReadonlyMap<string, readonly string[]>,
  avoided: string,
): ReadonlyMap<string, readonly string[]> {
  const chains = new Map<string, readonly string[]>();
  let front = roots.toSorted().map((root) => [root]);
  while (front.length > 0) {
    const next: string[][] = [];
    for (const chain of front) {
      const last = chain.at(-1) ?? '';
      if (last === avoided || chains.has(last)) continue;
      chains.set(last, chain);
      for (const required of requires.get(last) ?? []) next.push([...chain, required]);
    }
    front = next;
  }
  return chains;
}
