/** The direct dependencies of a node; unknown nodes have none. */
export type Edges = (name: string) => readonly string[];

/**
 * The nodes and everything they depend on, dependencies first, otherwise by name, so that the order depends only on the
 * graph. A cycle is cut where it closes: look for one with `findCycles` first.
 */
export function dependencyOrder(names: Iterable<string>, edges: Edges): string[] {
  return dependenciesFirst([...names].sort(), (name) => [...edges(name)].sort());
}

/** The same, otherwise in the given order. */
export function dependenciesFirst(names: Iterable<string>, edges: Edges): string[] {
  const order = new Set<string>();
  const entered = new Set<string>();
  const visit = (name: string): void => {
    if (entered.has(name)) return;
    entered.add(name);
    for (const dependency of edges(name)) visit(dependency);
    order.add(name);
  };
  for (const name of names) visit(name);
  return [...order];
}

/** Everything that `name` depends on, also indirectly, dependencies first; without `name`. */
export function transitiveDependencies(name: string, edges: Edges): string[] {
  return dependencyOrder([name], edges).filter((other) => other !== name);
}

/**
 * One cycle for every edge that closes one, as its nodes from the smallest name back to it, for example `['a', 'b',
 * 'a']`. Empty if the graph has none.
 */
export function findCycles(names: Iterable<string>, edges: Edges): string[][] {
  const cycles = new Map<string, string[]>();
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    const start = path.indexOf(name);
    if (start !== -1) {
      const cycle = fromSmallest(path.slice(start));
      cycles.set(cycle.join('\0'), cycle);
      return;
    }
    if (done.has(name)) return;
    for (const dependency of [...edges(name)].sort()) visit(dependency, [...path, name]);
    done.add(name);
  };
  for (const name of [...names].sort()) visit(name, []);
  return [...cycles.values()];
}

function fromSmallest(ring: readonly string[]): string[] {
  const smallest = ring.reduce((best, name, index) => (name < (ring[best] ?? '') ? index : best), 0);
  return [...ring.slice(smallest), ...ring.slice(0, smallest + 1)];
}
