import { z } from 'zod';
import { splitCpe, unescapeCpe } from '../cpe.ts';
import { productName, type Advisory, type AffectedProduct } from './advisory.ts';
import { severityOfVector, type Severity } from './severity.ts';
import { firstLine, time } from './text.ts';

/*
 * The part of NVD's CVE API 2.0 schema (csrc.nist.gov/schema/nvd/api/2.0) that is needed. Its yearly feeds list records
 * in `vulnerabilities`; mirrors have one `cve` per file.
 */

const metrics = z.array(z.object({ type: z.string(), cvssData: z.object({ vectorString: z.string() }) }));

const cpeMatch = z.object({
  vulnerable: z.boolean(),
  criteria: z.string(),
  versionStartIncluding: z.string().optional(),
  versionStartExcluding: z.string().optional(),
  versionEndIncluding: z.string().optional(),
  versionEndExcluding: z.string().optional(),
});

const node = z.object({ negate: z.boolean().optional(), cpeMatch: z.array(cpeMatch).optional() });

const cve = z.object({
  id: z.string(),
  lastModified: time,
  vulnStatus: z.string().optional(),
  descriptions: z.array(z.object({ lang: z.string(), value: z.string() })).optional(),
  metrics: z
    .object({
      cvssMetricV40: metrics.optional(),
      cvssMetricV31: metrics.optional(),
      cvssMetricV30: metrics.optional(),
      cvssMetricV2: metrics.optional(),
    })
    .optional(),
  configurations: z.array(z.object({ operator: z.string().optional(), nodes: z.array(node) })).optional(),
});

const feed = z.object({ vulnerabilities: z.array(z.object({ cve })) });

type Cve = z.output<typeof cve>;
type Node = z.output<typeof node>;
type CpeMatch = z.output<typeof cpeMatch>;

/** Whether a JSON document looks like a feed or a CVE of NVD, valid or not. */
export function isNvd(document: object): boolean {
  return 'vulnerabilities' in document || ('id' in document && 'lastModified' in document);
}

/** Parses a feed or a CVE of NVD; throws `ZodError` if it violates the schema. */
export function parseNvd(document: object): Advisory[] {
  if (!('vulnerabilities' in document)) return [advisoryOf(cve.parse(document))];
  return feed.parse(document).vulnerabilities.map((entry) => advisoryOf(entry.cve));
}

function advisoryOf(record: Cve): Advisory {
  const severity = severityOf(record);
  const text = record.descriptions?.find(({ lang }) => lang === 'en')?.value ?? '';
  return {
    id: record.id,
    aliases: [],
    modified: record.lastModified,
    withdrawn: record.vulnStatus === 'Rejected',
    summary: firstLine(text),
    ...(severity === undefined ? {} : { severity }),
    affected: (record.configurations ?? []).flatMap(({ operator, nodes }) =>
      operator === 'AND' && nodes.some(isOtherSystem) ? [] : nodes.flatMap(productsOf),
    ),
  };
}

/** CPE products of systems that no release runs on. */
const OTHER_SYSTEM =
  /^(?:windows|mac_?os|iphone_os|ipados|android|freebsd|netbsd|openbsd|solaris|aix|hp-ux)/u;

/** A condition that is true only on other systems. */
function isOtherSystem({ negate = false, cpeMatch: matches = [] }: Node): boolean {
  if (negate || matches.length === 0) return false;
  return matches.every(({ criteria }) => {
    const [, , part, , product = ''] = splitCpe(criteria);
    return part === 'o' && OTHER_SYSTEM.test(product);
  });
}

function productsOf({ negate = false, cpeMatch: matches = [] }: Node): AffectedProduct[] {
  return negate ? [] : matches.filter(({ vulnerable }) => vulnerable).flatMap(productOf);
}

const ANY = new Set(['*', '-']);

function productOf(match: CpeMatch): AffectedProduct[] {
  const [, , , , , version = '*', update = '*', , , , system = '*'] = splitCpe(match.criteria);
  // A build for another system, a plug-in of another program, or a prerelease, which no recipe uses.
  if ((!ANY.has(system) && OTHER_SYSTEM.test(system)) || (version !== '*' && !ANY.has(update))) return [];
  const { versionStartIncluding, versionStartExcluding, versionEndIncluding, versionEndExcluding } = match;
  return [
    {
      feed: 'NVD',
      name: productName(match.criteria),
      // `-` means a product without versions, which no release contains.
      ...(version === '*' ? {} : { version: unescapeCpe(version) }),
      ...(versionStartIncluding === undefined ? {} : { startIncluding: versionStartIncluding }),
      ...(versionStartExcluding === undefined ? {} : { startExcluding: versionStartExcluding }),
      ...(versionEndIncluding === undefined ? {} : { endIncluding: versionEndIncluding }),
      ...(versionEndExcluding === undefined ? {} : { endExcluding: versionEndExcluding }),
    },
  ];
}

const BY_VERSION = ['cvssMetricV40', 'cvssMetricV31', 'cvssMetricV30', 'cvssMetricV2'] as const;

/** From the newest version of CVSS, and there NVD's own score, called primary. */
function severityOf(record: Cve): Severity | undefined {
  const stated = BY_VERSION.flatMap((version) => {
    const all = record.metrics?.[version] ?? [];
    return [...all.filter(({ type }) => type === 'Primary'), ...all.filter(({ type }) => type !== 'Primary')];
  });
  const [severity] = stated.flatMap(({ cvssData }) => severityOfVector(cvssData.vectorString) ?? []);
  return severity;
}
