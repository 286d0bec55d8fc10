export interface Requirements {
  /** Explicitly requested; everything else is required by these. */
  readonly roots: readonly string[];
  readonly requires: ReadonlyMap<string, readonly string[]>;
}

/**
 * Why `wanted` is included: the shortest chain from a root through each name that requires it; for a root also the
 * chain of only its name. Shortest first, then by name.
 */
export function chainsTo(wanted: string, { roots, requires }: Requirements): string[][] {
  const shortest = shortestChains(wanted, { roots, requires });
  const chains = [...requires].flatMap(([requirer, required]) => {
    const chain = required.includes(wanted) ? shortest.get(requirer) : undefined;
    return chain === undefined ? [] : [[...chain, wanted]];
  });
  if (roots.includes(wanted)) chains.push([wanted]);
  return chains.toSorted((a, b) => a.length - b.length || (a.join(' ') < b.join(' ') ? -1 : 1));
}

/** Breadth first from the roots: the shortest chain to every name, without passing `avoided`. */
function shortestChains(
  avoided: string,
  { roots, requires }: Requirements,
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
