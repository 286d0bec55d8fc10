/** Work starts when it gets a slot; of waiting work, the one with the greatest weight is next. */
export interface Slots {
  run<T>(weight: number, work: () => Promise<T>): Promise<T>;
}

export function createSlots(count: number): Slots {
  const waiting: { readonly weight: number; readonly start: () => void }[] = [];
  let free = count;
  const release = (): void => {
    free += 1;
    startNext();
  };
  const startNext = (): void => {
    if (free === 0) return;
    const next = waiting.shift();
    if (next === undefined) return;
    free -= 1;
    next.start();
  };
  return {
    async run(weight, work) {
      await new Promise<void>((resolve) => {
        const place = waiting.findIndex((other) => other.weight < weight);
        waiting.splice(place === -1 ? waiting.length : place, 0, { weight, start: resolve });
        // Compares all work that becomes ready in the same turn before anything starts.
        setImmediate(startNext);
      });
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}

/**
 * Runs `work` once for each name, after all of its dependencies, and returns the results. The first failure aborts
 * the signal of the others, and is thrown after all have ended.
 */
export async function runGraph<T>(options: {
  /** Dependencies before their dependents. */
  readonly order: readonly string[];
  readonly dependencies: (name: string) => readonly string[];
  readonly work: (name: string, signal: AbortSignal) => Promise<T>;
  readonly signal: AbortSignal;
}): Promise<ReadonlyMap<string, T>> {
  const failure = new AbortController();
  const signal = AbortSignal.any([options.signal, failure.signal]);
  const running = new Map<string, Promise<T>>();
  for (const name of options.order) {
    const start = async (): Promise<T> => {
      await Promise.all(options.dependencies(name).flatMap((dependency) => running.get(dependency) ?? []));
      signal.throwIfAborted();
      return options.work(name, signal);
    };
    running.set(
      name,
      start().catch((error: unknown) => {
        failure.abort(error);
        throw error;
      }),
    );
  }
  await Promise.allSettled(running.values());
  options.signal.throwIfAborted();
  failure.signal.throwIfAborted();
  const results = new Map<string, T>();
  for (const [name, result] of running) results.set(name, await result);
  return results;
}

/**
 * For each node, the longest time from its start to the end of the last node that needs it; the node with the
 * greatest time should start first. `estimate` returns milliseconds.
 */
export function criticalPaths(
  order: readonly string[],
  dependencies: (name: string) => readonly string[],
  estimate: (name: string) => number,
): ReadonlyMap<string, number> {
  const paths = new Map<string, number>();
  for (const name of order.toReversed()) {
    const path = (paths.get(name) ?? 0) + estimate(name);
    paths.set(name, path);
    for (const dependency of dependencies(name))
      paths.set(dependency, Math.max(paths.get(dependency) ?? 0, path));
  }
  return paths;
}
