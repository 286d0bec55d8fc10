import { z } from 'zod';
import { FEEDS, type Advisory, type Feed, type NamedPart } from '../domain/advisories/advisory.ts';
import { isNvd, parseNvd } from '../domain/advisories/nvd.ts';
import { isOsv, parseOsv } from '../domain/advisories/osv.ts';
import { findVulnerabilities, type AdvisoryReport, type FeedDate } from '../domain/advisories/report.ts';
import type { VexStatement } from '../domain/manifest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { statInput } from '../io/input-file.ts';
import { visitJsonDocuments, type JsonDocument } from '../io/json-documents.ts';

export interface DatabaseOptions {
  /** File or directory with records of OSV or NVD, in a form that `visitJsonDocuments` reads. */
  readonly database: string;
  /** The parts to look up; records about anything else are only counted. */
  readonly parts: readonly NamedPart[];
  readonly signal?: AbortSignal;
}

/** The contents of a database of advisories. */
export interface AdvisoryDatabase {
  readonly place: string;
  /** One for each feed that the database contains. */
  readonly dates: ReadonlyMap<Feed, { readonly records: number; readonly newest: number }>;
  /** Advisories about the parts, in any version. */
  readonly advisories: readonly Advisory[];
}

export interface AdvisoryOptions {
  /** Maximum age of the newest record of each feed, in days. */
  readonly maxAge: number;
  /** The current time, in milliseconds since 1970. */
  readonly now: number;
  /** The contents of the release: parts that the database was read for. */
  readonly parts: readonly NamedPart[];
  readonly statements: readonly VexStatement[];
}

/**
 * Compares the contents of a release with a database of advisories. Throws `KSB_ADVISORIES_EMPTY` if the database
 * covers no part of the release, `KSB_ADVISORIES_STALE` or `KSB_ADVISORIES_AHEAD` if it is too old or from the
 * future.
 */
export function auditAdvisories(database: AdvisoryDatabase, options: AdvisoryOptions): AdvisoryReport {
  const { parts, statements } = options;
  const consulted = FEEDS.filter((feed) => parts.some((part) => part.names[feed] !== undefined));
  const feeds = consulted.flatMap((feed): FeedDate[] => {
    const date = database.dates.get(feed);
    if (date === undefined) return [];
    return [{ feed, records: date.records, newest: new Date(date.newest).toISOString() }];
  });
  const isKnown = ({ names }: NamedPart): boolean => feeds.some(({ feed }) => names[feed] !== undefined);
  const checked = parts.filter(isKnown);
  if (checked.length === 0) throw emptyDatabase(database.place);
  for (const feed of feeds) requireCurrent(feed, database.place, options);
  return {
    feeds,
    checked: checked.length,
    unchecked: parts
      .filter((part) => !isKnown(part))
      .map(({ part }) => part)
      .toSorted(),
    ...findVulnerabilities(checked, database.advisories, statements),
  };
}

/**
 * Reads a database of advisories. Throws `KSB_FILE_UNREADABLE`, `KSB_ADVISORIES_INVALID` for a record that breaks its schema, and
 * what `visitJsonDocuments` does.
 */
export async function readAdvisories({
  database,
  parts,
  signal,
}: DatabaseOptions): Promise<AdvisoryDatabase> {
  await statInput(database, 'give a directory, a zip as OSV publishes it, or a JSON file');
  const names = new Set(
    parts.flatMap((part) => Object.entries(part.names).map(([feed, name]) => `${feed} ${name}`)),
  );
  const dates = new Map<Feed, { records: number; newest: number }>();
  const advisories: Advisory[] = [];
  await visitJsonDocuments(
    database,
    (document) => {
      for (const { feed, advisory } of readRecords(document)) {
        const { records, newest } = dates.get(feed) ?? { records: 0, newest: 0 };
        dates.set(feed, { records: records + 1, newest: Math.max(newest, advisory.modified) });
        if (advisory.affected.some((affected) => names.has(`${affected.feed} ${affected.name}`)))
          advisories.push(advisory);
      }
    },
    signal,
  );
  return { place: database, dates, advisories };
}

interface FeedRecord {
  readonly feed: Feed;
  readonly advisory: Advisory;
}

/**
 * The records in a document; none if its format is neither OSV's nor NVD's, or if no release can contain the affected
 * software.
 */
function readRecords({ place, value }: JsonDocument): FeedRecord[] {
  if (typeof value !== 'object' || value === null) return [];
  try {
    if (isNvd(value)) return parseNvd(value).map((advisory) => ({ feed: 'NVD', advisory }));
    if (!isOsv(value)) return [];
    const advisory = parseOsv(value);
    const feed = FEEDS.find((each) => advisory.affected.some((affected) => affected.feed === each));
    return feed === undefined ? [] : [{ feed, advisory }];
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    throw new KsbundleError({
      code: 'KSB_ADVISORIES_INVALID',
      exitCode: ExitCode.integrity,
      message: `${place} is not a readable record`,
      why: z.prettifyError(error),
      hint: 'copy the database again; if the record is the same at its source, report it there, or report a bug in ksbundle',
      cause: error,
    });
  }
}

function emptyDatabase(database: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_ADVISORIES_EMPTY',
    exitCode: ExitCode.failed,
    message: `${database} has no advisories for the kinds of parts in this release`,
    why: 'it has no record about the Python index, a Git repository or a CPE name',
    hint: "copy OSV's all.zip of PyPI and NVD's feeds, see docs/audit.md",
  });
}

const DAY = 86_400_000;
/** Tolerance in days for clocks that differ and for publishers that are ahead. */
const AHEAD = 2;

function requireCurrent(
  { feed, newest }: FeedDate,
  database: string,
  { maxAge, now }: AdvisoryOptions,
): void {
  const age = (now - Date.parse(newest)) / DAY;
  const why = `its newest record about ${feed} was changed at ${newest}; the clock of this machine says ${new Date(now).toISOString()}`;
  if (age > maxAge) {
    throw new KsbundleError({
      code: 'KSB_ADVISORIES_STALE',
      exitCode: ExitCode.failed,
      message: `${database} is ${Math.floor(age)} days old, which is more than ${maxAge}`,
      why,
      hint: `copy a newer one, or accept its age: --max-age ${Math.ceil(age)}`,
    });
  }
  if (age < -AHEAD) {
    throw new KsbundleError({
      code: 'KSB_ADVISORIES_AHEAD',
      exitCode: ExitCode.failed,
      message: `${database} is from the future, so its age is unknown`,
      why,
      hint: 'correct the clock of this machine',
    });
  }
}
