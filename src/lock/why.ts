import { chainsTo } from '../domain/chains.ts';
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
   * For each distribution that requires it, the shortest chain of names from a requirement of the bundle through that
   * distribution; for a requirement of the bundle also the chain with only its own name. Sorted by length, then by
   * name.
   */
  readonly chains: readonly (readonly string[])[];
}

/** Returns why the distribution `name` (in any spelling) is in the bundle; undefined if it is not. */
export function whyDistribution(lockfile: Lockfile, name: string): DistributionReason | undefined {
  const entries = [...lockfile.wheels, ...lockfile.built];
  const wanted = normalizeDistribution(name);
  const entry = entries.find((candidate) => candidate.name === wanted);
  if (entry === undefined) return undefined;
  const requires = new Map(entries.map((candidate) => [candidate.name, candidate.requires]));
  const roots = lockfile.requirements.flatMap((requirement) => requirementName(requirement) ?? []);
  return {
    name: wanted,
    version: entry.version,
    ...('component' in entry ? { component: entry.component } : {}),
    chains: chainsTo(wanted, { roots, requires }),
  };
}
