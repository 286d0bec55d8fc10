import { nameOfPart } from '../manifest.ts';
import {
  openVulnerabilities,
  settledVulnerabilities,
  type AdvisoryReport,
  type Vulnerability,
} from './report.ts';

/** The report as text: open vulnerabilities, statements of recipes, uncertain ones, and feeds. */
export function formatAdvisories(report: AdvisoryReport): string[] {
  const open = openVulnerabilities(report);
  const settled = settledVulnerabilities(report);
  const count = open.length === 1 ? '1 vulnerability' : `${open.length} vulnerabilities`;
  return [
    ...open.flatMap(formatOpen),
    ...settled.flatMap(formatSettled),
    ...report.undecided.map(({ part, ids }) => `undecided: ${nameOfPart(part)}: look at ${ids.join(', ')}`),
    ...report.unused.map(
      ({ part, vulnerability }) =>
        `not needed: the recipe has a statement on ${vulnerability} in ${nameOfPart(part)}, but the database does not list it for that part`,
    ),
    ...(report.unchecked.length === 0
      ? []
      : [
          `not checked, because no record in the database covers them: ${report.unchecked.map(nameOfPart).join(', ')}`,
        ]),
    ...report.feeds.map(
      ({ feed, records, newest }) => `${feed}: ${records} records, the newest of ${newest.slice(0, 10)}`,
    ),
    `${open.length === 0 ? 'no known vulnerabilities' : count}: ${report.checked} of ${report.checked + report.unchecked.length} parts checked`,
  ];
}

function formatOpen({ statement, fixes, ...vulnerability }: Vulnerability): string[] {
  return [
    describeVulnerability(vulnerability),
    ...(statement === undefined ? [] : [`    under investigation: ${statement.reason}`]),
    fixes.length === 0
      ? '    → no fixed version is known; if it is harmless here, state that in a recipe with [[vex]]'
      : `    → fixed in ${fixes.join(', ')}`,
  ];
}

function formatSettled({ statement, ...vulnerability }: Vulnerability): string[] {
  const status = statement?.status === 'fixed' ? 'fixed' : 'not affected';
  const justification = statement?.justification === undefined ? '' : ` (${statement.justification})`;
  return [`${status}: ${describeVulnerability(vulnerability)}`, `    ${statement?.reason}${justification}`];
}

/** A vulnerability as a line. */
export function describeVulnerability({
  part,
  version,
  ids,
  severity,
  summary,
}: Pick<Vulnerability, 'part' | 'version' | 'ids' | 'severity' | 'summary'>): string {
  const [id = '', ...others] = ids;
  const names = others.length === 0 ? id : `${id} (${others.join(', ')})`;
  const rating = severity === undefined ? 'not rated' : [severity.rating, severity.score].join(' ').trim();
  return `${nameOfPart(part)} ${version}: ${names}, ${rating}: ${summary}`;
}
