import { mapConcurrently } from '../domain/concurrently.ts';
import { KsbundleError } from '../domain/errors.ts';
import { faultOf, type Verdict } from '../domain/host-check.ts';
import type { ArchiveUrl, Source } from '../domain/recipe.ts';
import { exists } from '../io/files.ts';
import { together } from './all.ts';
import { candidatesOf, type Candidate } from './candidates.ts';
import type { FetchContext } from './context.ts';
import { missingSources } from './missing.ts';
import { notFetched, nameOf } from './source.ts';

/** Why a directory of wheels does not have a file, which is no fault of the directory. */
const NO_FILE = 'no such file';
/** Requests at a time; each is small. */
const AT_A_TIME = 8;

/**
 * Whether the places that a build would fetch from have its missing files, asking for one file of each combination of
 * places. Stores nothing; places that the context's signal cuts off count as silent. Throws `KSB_DIGEST_MISMATCH`.
 */
export async function surveyPlaces(
  sources: readonly Source[],
  context: FetchContext,
): Promise<readonly Verdict[]> {
  const missing = await missingSources(sources, context);
  if (missing.length === 0)
    return [{ state: 'ok', message: 'every source and wheel is in the store or in a mirror directory' }];
  // Mirror directories do not have what is missing.
  const servers = context.mirrors.filter(({ kind }) => kind === 'url');
  const keys = [...new Set(missing.map(placesKey))];
  const groups = keys.map((key) => missing.filter((source) => placesKey(source) === key));
  const outcomes = await mapConcurrently(groups, AT_A_TIME, async (group) => {
    const [first] = group;
    if (first === undefined) throw new TypeError('a group of no sources');
    return { group, ...(await findPlace(first, { ...context, mirrors: servers })) };
  });
  const offline = context.network === undefined;
  const lost = outcomes
    .filter(({ place }) => place === undefined)
    .flatMap(({ group, failures }) =>
      group.map((source) => notFetched(nameOf(source), { failures, offline })),
    );
  const silent = new Map(
    outcomes
      .flatMap(({ place, failures }) => (place === undefined ? [] : [...failures]))
      .filter(([, why]) => why !== NO_FILE),
  );
  const places = new Set(outcomes.flatMap(({ place }) => place ?? []));
  return [
    ...(places.size === 0
      ? []
      : [
          {
            state: 'ok' as const,
            message: `missing files can be fetched from ${[...places].sort().join(', ')}`,
          },
        ]),
    ...(silent.size === 0
      ? []
      : [
          {
            state: 'warning' as const,
            message: 'some places cannot be used; others have their files',
            details: [...silent].map(([where, why]) => `${where}: ${why}`),
          },
        ]),
    ...(lost.length === 0 ? [] : [faultOf(together(lost))]),
  ];
}

/** Equal for sources that are fetched from the same servers. */
function placesKey({ archives }: Source): string {
  const serverOf = (url: ArchiveUrl): string => (url.kind === 'https' ? new URL(url.href).origin : url.kind);
  return [...new Set(archives.flatMap(({ urls }) => urls.map(serverOf)))].join(' ');
}

interface Found {
  /** The server or directory that has the file; undefined if none has. */
  readonly place: string | undefined;
  /** Why the places before do not have it. */
  readonly failures: ReadonlyMap<string, string>;
}

async function findPlace(source: Source, context: FetchContext): Promise<Found> {
  const failures = new Map<string, string>();
  try {
    for await (const candidate of candidatesOf(source, context)) {
      const { where, why } = await visit(candidate, context);
      if (why === undefined) return { place: where, failures };
      failures.set(where, why);
    }
  } catch (error) {
    if (context.signal?.aborted !== true) throw error;
    failures.set('the other places', 'no answer in time');
  }
  return { place: undefined, failures };
}

/** The place of a candidate, and why it does not have the file. */
async function visit(
  candidate: Candidate,
  { network, signal }: FetchContext,
): Promise<{ readonly where: string; readonly why?: string }> {
  switch (candidate.kind) {
    case 'none':
      return candidate;
    case 'file':
      return { where: candidate.path, ...((await exists(candidate.path)) ? {} : { why: NO_FILE }) };
    case 'url': {
      const where = new URL(candidate.url).origin;
      try {
        await network?.http.reach(candidate.url, { signal });
        return { where };
      } catch (error) {
        if (!(error instanceof KsbundleError) || error.facts.why === undefined) throw error;
        return { where, why: error.facts.why };
      }
    }
  }
}
