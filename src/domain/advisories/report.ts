import type { Advisory, Feed, NamedPart } from './advisory.ts';
import { isEmbedded } from '../bill.ts';
import type { Part, VexStatement } from '../manifest.ts';
import { isAbout, judge } from './match.ts';
import { compareSeverity, type Severity } from './severity.ts';
import { comparePython, compareUpstream } from './versions.ts';

/** One vulnerability in one part of a release, under all of its names. */
export interface Vulnerability {
  readonly part: Part;
  readonly version: string;
  /** All its names, the CVE first. */
  readonly ids: readonly string[];
  readonly summary: string;
  /** The highest that any publisher states. */
  readonly severity?: Severity;
  /** Later versions of the part that fix it, earliest first. */
  readonly fixes: readonly string[];
  /** The recipe's statement about it. */
  readonly statement?: VexStatement;
}

/** Advisories about a part with unclear versions. */
export interface Undecided {
  readonly part: Part;
  readonly ids: readonly string[];
}

/** All records of one feed, including those about other software. */
export interface FeedDate {
  readonly feed: Feed;
  readonly records: number;
  /** Time of the last change to any record, in RFC 3339. */
  readonly newest: string;
}

export interface AdvisoryReport {
  /** The feeds that know parts of the release. */
  readonly feeds: readonly FeedDate[];
  /** Number of parts looked up in at least one feed. */
  readonly checked: number;
  /** Parts that none of these feeds covers, sorted. */
  readonly unchecked: readonly Part[];
  /** Worst first. */
  readonly vulnerabilities: readonly Vulnerability[];
  readonly undecided: readonly Undecided[];
  /** Statements that match nothing found. */
  readonly unused: readonly VexStatement[];
}

/** The vulnerabilities that fail an audit: no recipe declares them harmless or fixed. */
export function openVulnerabilities({ vulnerabilities }: AdvisoryReport): readonly Vulnerability[] {
  return vulnerabilities.filter(
    ({ statement }) => statement === undefined || statement.status === 'under_investigation',
  );
}

/** The others, which a recipe declares harmless or fixed. */
export function settledVulnerabilities(report: AdvisoryReport): readonly Vulnerability[] {
  const open = openVulnerabilities(report);
  return report.vulnerabilities.filter((each) => !open.includes(each));
}

export interface Findings {
  readonly vulnerabilities: readonly Vulnerability[];
  readonly undecided: readonly Undecided[];
  readonly unused: readonly VexStatement[];
}

/** Matches the contents of a release with advisories. Ignores withdrawn ones. */
export function findVulnerabilities(
  parts: readonly NamedPart[],
  advisories: readonly Advisory[],
  statements: readonly VexStatement[],
): Findings {
  const used = new Set<VexStatement>();
  const vulnerabilities: Vulnerability[] = [];
  const undecided: Undecided[] = [];
  const current = advisories.filter(({ withdrawn }) => !withdrawn);
  for (const named of parts) {
    const { matched, unknown } = lookUp(named, current);
    for (const group of groupByAlias(matched)) {
      const found = describe(named, group);
      const stated = statements.filter(
        ({ part, vulnerability }) => part === named.part && found.ids.includes(vulnerability),
      );
      for (const statement of stated) used.add(statement);
      const [statement] = stated;
      vulnerabilities.push(statement === undefined ? found : { ...found, statement });
    }
    const ids = namesOf(unknown);
    if (ids.length > 0) undecided.push({ part: named.part, ids });
  }
  return {
    vulnerabilities: vulnerabilities.toSorted(compareVulnerabilities),
    undecided,
    unused: statements.filter((statement) => !used.has(statement)),
  };
}

interface Match {
  readonly advisory: Advisory;
  readonly fixes: readonly string[];
}

/** Certain matches for a part, and uncertain ones without a certain match. */
function lookUp(
  part: NamedPart,
  advisories: readonly Advisory[],
): { readonly matched: readonly Match[]; readonly unknown: readonly Advisory[] } {
  const matched: Match[] = [];
  const unknown: Advisory[] = [];
  const decided = new Set<string>();
  for (const advisory of advisories) {
    const about = advisory.affected.filter((affected) => isAbout(affected, part));
    const verdicts = about.flatMap((affected) => judge(affected, part) ?? []);
    const fixes = verdicts.flatMap((verdict) => (verdict.kind === 'affected' ? verdict.fixes : []));
    if (verdicts.some(({ kind }) => kind === 'affected')) matched.push({ advisory, fixes });
    if (verdicts.some(({ kind }) => kind === 'undecided')) unknown.push(advisory);
    else if (about.length > 0) for (const name of allNames(advisory)) decided.add(name);
  }
  return {
    matched,
    unknown: unknown.filter((advisory) => !allNames(advisory).some((name) => decided.has(name))),
  };
}

function allNames({ id, aliases }: Advisory): readonly string[] {
  return [id, ...aliases];
}

/** Advisories that share a name, even through a third one, are about one vulnerability. */
function groupByAlias(matches: readonly Match[]): readonly (readonly Match[])[] {
  let groups: { readonly names: ReadonlySet<string>; readonly matches: readonly Match[] }[] = [];
  for (const match of matches) {
    const names = new Set(allNames(match.advisory));
    const same = groups.filter((group) => [...names].some((name) => group.names.has(name)));
    groups = [
      ...groups.filter((group) => !same.includes(group)),
      {
        names: new Set([...same.flatMap((group) => [...group.names]), ...names]),
        matches: [...same.flatMap((group) => group.matches), match],
      },
    ];
  }
  return groups.map((group) => group.matches);
}

function describe({ part, version }: NamedPart, matches: readonly Match[]): Vulnerability {
  const advisories = matches.map(({ advisory }) => advisory);
  const [severity] = advisories.flatMap((advisory) => advisory.severity ?? []).toSorted(compareSeverity);
  const order = part.startsWith('wheel:') && !isEmbedded(part) ? comparePython : compareUpstream;
  return {
    part,
    version,
    ids: namesOf(advisories),
    summary: advisories.map(({ summary }) => summary).find((summary) => summary !== '') ?? '',
    ...(severity === undefined ? {} : { severity }),
    fixes: [...new Set(matches.flatMap(({ fixes }) => fixes))].toSorted(order),
  };
}

function namesOf(advisories: readonly Advisory[]): readonly string[] {
  return [...new Set(advisories.flatMap(allNames))].toSorted(nameOrder);
}

function compareVulnerabilities(a: Vulnerability, b: Vulnerability): number {
  return (
    compareSeverity(a.severity, b.severity) ||
    (a.part < b.part ? -1 : Number(a.part > b.part)) ||
    nameOrder(a.ids[0] ?? '', b.ids[0] ?? '')
  );
}

/** Well-known names first. */
const KNOWN = ['CVE-', 'GHSA-'];

function nameOrder(a: string, b: string): number {
  return rankOf(a) - rankOf(b) || (a < b ? -1 : Number(a > b));
}

function rankOf(name: string): number {
  const rank = KNOWN.findIndex((prefix) => name.startsWith(prefix));
  return rank === -1 ? KNOWN.length : rank;
}
