import { mapConcurrently } from '../domain/concurrently.ts';
import { KsbundleError } from '../domain/errors.ts';
import { asTask } from '../domain/events.ts';
import type { Source } from '../domain/recipe.ts';
import { groupByCause, reasonsOf, remedyFor } from './causes.ts';
import type { FetchContext } from './context.ts';
import { requirePythonIndex } from './require-index.ts';
import { fetchSource, type FetchedArchive } from './source.ts';

/** Simultaneous downloads; more would only share the same line. */
const AT_A_TIME = 4;
/** The task that contains one task for each file. */
const TASK = 'fetch:all';

/**
 * Brings sources into the store, several at a time and each once; returns them in the order given. Reports all failed
 * downloads together at the end, grouped by cause; any other error stops everything at once. Throws what
 * `fetchSource` and `requirePythonIndex` throw.
 */
export async function fetchAll(sources: readonly Source[], context: FetchContext): Promise<FetchedArchive[]> {
  const distinct = new Map(sources.map((source) => [keyOf(source), source]));
  await requirePythonIndex([...distinct.values()], context);
  const task = { task: TASK, title: `Fetching ${distinct.size} files` };
  const fetched = await asTask(context, task, async () => {
    const value = await fetchDistinct(distinct, context);
    const reused = [...value.values()].every(({ from }) => from === 'store');
    return { outcome: reused ? 'reused' : 'done', value };
  });
  return sources.map((source) => fetched.get(keyOf(source))).filter((file) => file !== undefined);
}

async function fetchDistinct(
  distinct: ReadonlyMap<string, Source>,
  context: FetchContext,
): Promise<ReadonlyMap<string, FetchedArchive>> {
  const stop = new AbortController();
  const signal = context.signal === undefined ? stop.signal : AbortSignal.any([context.signal, stop.signal]);
  let done = 0;
  const outcomes = await mapConcurrently([...distinct], AT_A_TIME, async ([key, source]) => {
    signal.throwIfAborted();
    try {
      const file = await fetchSource(source, { ...context, signal, parent: TASK });
      done += 1;
      const progress = { done, total: distinct.size, unit: 'files' } as const;
      if (file.from !== 'store') context.emit({ type: 'task-progress', task: TASK, ...progress });
      return { key, file };
    } catch (error) {
      if (isFetchFailure(error)) return { key, failure: error };
      stop.abort(error);
      throw error;
    }
  });
  const failures = outcomes.flatMap(({ failure }) => failure ?? []);
  if (failures.length > 0) throw together(failures);
  return new Map(outcomes.flatMap(({ key, file }) => (file === undefined ? [] : [[key, file]])));
}

function keyOf(source: Source): string {
  return source.archives.map(({ sha256 }) => sha256).join(' ');
}

function isFetchFailure(error: unknown): error is KsbundleError {
  return error instanceof KsbundleError && ['KSB_FETCH_FAILED', 'KSB_OFFLINE'].includes(error.facts.code);
}

/** The error for files that could not be fetched, at least one, grouped by cause. */
export function together(failures: readonly KsbundleError[]): KsbundleError {
  const [first] = failures;
  if (first === undefined) throw new TypeError('no failures');
  if (failures.length === 1) return first;
  const { facts } = first;
  const problems = groupByCause(failures);
  const [only, ...others] = problems;
  const hint =
    facts.code === 'KSB_OFFLINE'
      ? facts.hint
      : others.length > 0
        ? undefined
        : remedyFor(reasonsOf(only?.details ?? []));
  return new KsbundleError({
    code: facts.code,
    exitCode: facts.exitCode,
    message: `${failures.length} files could not be fetched`,
    ...(hint === undefined ? {} : { hint }),
    problems,
  });
}
