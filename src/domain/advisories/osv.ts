import { z } from 'zod';
import {
  packageName,
  REGISTRY_FEEDS,
  repositoryName,
  type Advisory,
  type Affected,
  type AffectedRepository,
  type RangeEvent,
} from './advisory.ts';
import { severityOfVector, severityOfWord, type Severity } from './severity.ts';
import { firstLine, time } from './text.ts';

/* The part of OSV's schema (ossf.github.io/osv-schema, 1.7) that is needed; other fields are ignored. */

const vectors = z.array(z.object({ type: z.string(), score: z.string() })).nullish();

/** Severity in a word, if the database has one. */
const word = z.object({ severity: z.unknown().optional() }).nullish();

const range = z.object({
  type: z.string(),
  repo: z.string().nullish(),
  events: z.array(
    z.object({
      introduced: z.string().optional(),
      fixed: z.string().optional(),
      last_affected: z.string().optional(),
      limit: z.string().optional(),
    }),
  ),
});

const affected = z.object({
  package: z.object({ ecosystem: z.string(), name: z.string() }).nullish(),
  severity: vectors,
  ranges: z.array(range).nullish(),
  versions: z.array(z.string()).nullish(),
  ecosystem_specific: word,
});

const schema = z.object({
  id: z.string(),
  modified: time,
  withdrawn: z.string().nullish(),
  aliases: z.array(z.string()).nullish(),
  summary: z.string().nullish(),
  details: z.string().nullish(),
  severity: vectors,
  affected: z.array(affected).nullish(),
  database_specific: word,
});

type Record = z.output<typeof schema>;
type RecordAffected = z.output<typeof affected>;

/** Whether a JSON document looks like a record of OSV, valid or not. */
export function isOsv(document: object): boolean {
  return 'id' in document && 'modified' in document;
}

/** Parses a record of OSV; throws `ZodError` if it violates the schema. */
export function parseOsv(document: unknown): Advisory {
  const record = schema.parse(document);
  const severity = severityOf(record);
  return {
    id: record.id,
    aliases: record.aliases ?? [],
    modified: record.modified,
    withdrawn: (record.withdrawn ?? '') !== '',
    summary: firstLine(record.summary ?? record.details ?? ''),
    ...(severity === undefined ? {} : { severity }),
    affected: (record.affected ?? []).flatMap(affectedOf),
  };
}

/** Ecosystems whose `versions` and ranges are Git tags, if anything. */
const OF_GIT: ReadonlySet<string> = new Set(['', 'GIT', 'OSS-Fuzz']);

function affectedOf({ package: named, ranges, versions }: RecordAffected): Affected[] {
  const ecosystem = named?.ecosystem ?? '';
  const feed = REGISTRY_FEEDS.find((each) => each === ecosystem);
  if (named !== undefined && named !== null && feed !== undefined) {
    return [
      {
        feed,
        name: packageName(feed, named.name),
        versions: versions ?? [],
        ranges: (ranges ?? [])
          .filter(({ type }) => type === (feed === 'PyPI' ? 'ECOSYSTEM' : 'SEMVER'))
          .map(({ events }) => events.flatMap(eventsOf)),
      },
    ];
  }
  if (!OF_GIT.has(ecosystem)) return [];
  return (ranges ?? []).flatMap(({ type, repo, events }): AffectedRepository[] => {
    if (type !== 'GIT' || repo === undefined || repo === null) return [];
    const open = !events.flatMap(eventsOf).some(({ kind }) => kind !== 'introduced');
    const tags = versions === undefined || versions === null ? {} : { tags: versions };
    return [{ feed: 'Git', name: repositoryName(repo), open, ...tags }];
  });
}

const KINDS = ['introduced', 'fixed', 'last_affected', 'limit'] as const;

function eventsOf(event: z.output<typeof range>['events'][number]): RangeEvent[] {
  return KINDS.flatMap((kind) => {
    const version = event[kind];
    return version === undefined ? [] : [{ kind, version }];
  });
}

/** From the vector of the newest CVSS version, otherwise from the database's word. */
function severityOf(record: Record): Severity | undefined {
  const stated = [
    ...(record.severity ?? []),
    ...(record.affected ?? []).flatMap((each) => each.severity ?? []),
  ];
  const [vector] = stated
    .filter(({ type }) => type.startsWith('CVSS_'))
    .toSorted((a, b) => (a.type < b.type ? 1 : -1))
    .flatMap(({ score }) => severityOfVector(score) ?? []);
  if (vector !== undefined) return vector;
  const words = [record.database_specific, ...(record.affected ?? []).map((each) => each.ecosystem_specific)];
  const [severity] = words.flatMap((each) =>
    typeof each?.severity === 'string' ? (severityOfWord(each.severity) ?? []) : [],
  );
  return severity;
}
