import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  auditAdvisories,
  readAdvisories,
  type AdvisoryOptions,
  type DatabaseOptions,
} from '../../../src/audit/advisories.ts';
import { formatAdvisories } from '../../../src/domain/advisories/report-text.ts';
import { openVulnerabilities, type AdvisoryReport } from '../../../src/domain/advisories/report.ts';
import { namedPartOf, type BilledPart } from '../../../src/domain/advisories/named-parts.ts';
import { buildZip } from '../../fixtures/zip.ts';
import {
  CVE_2021_41773,
  CVE_2022_3602,
  GHSA_JFHM,
  nvdRecord,
  OSV_2025_300,
  OSV_2026_343,
  PSF_2024_1,
  pythonAffected,
  pythonRange,
  PYSEC_2012_19,
  PYSEC_2022_202,
  PYSEC_2023_221,
  PYSEC_2023_254,
  type OsvRecord,
} from '../../support/advisories.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { factsOf } from '../../support/errors.ts';

const NOW = Date.parse('2024-11-25T00:00:00Z');

let database: string;

beforeEach(async () => {
  database = await temporaryDirectory();
});

function wheel(name: string, version: string): BilledPart {
  return { part: `wheel:${name}`, version, purl: `pkg:pypi/${name}@${version}` };
}

function component(name: string, version: string, cpe?: string): BilledPart {
  const purl = `pkg:generic/${name}@${version}`;
  return {
    part: `component:${name}`,
    version,
    purl,
    ...(cpe === undefined ? {} : { cpe: `${cpe}:${version}:*` }),
  };
}

async function put(records: readonly object[]): Promise<void> {
  for (const [index, record] of records.entries())
    await writeFile(path.join(database, `${index}.json`), JSON.stringify(record));
}

type LookUpOptions = Partial<AdvisoryOptions & Pick<DatabaseOptions, 'database' | 'signal'>>;

async function lookUp(
  billed: readonly BilledPart[],
  { database: place = database, signal, ...more }: LookUpOptions = {},
): Promise<AdvisoryReport> {
  const parts = billed.map(namedPartOf);
  const read = await readAdvisories({
    database: place,
    parts,
    ...(signal === undefined ? {} : { signal }),
  });
  return auditAdvisories(read, { maxAge: 10_000, now: NOW, parts, statements: [], ...more });
}

/** The findings of one part, as `ids rating fixes`. */
async function found(...parts: readonly BilledPart[]): Promise<string[]> {
  const { vulnerabilities } = await lookUp(parts, { now: Date.parse('2026-11-21') });
  return vulnerabilities.map(({ ids, severity, fixes }) =>
    [ids.join('='), severity?.rating ?? '?', fixes.join('|')].join(' ').trim(),
  );
}

describe('distributions of the Python index', () => {
  it.each([
    ['pyjwt', '1.5.0', true],
    ['pyjwt', '2.0.0a1', true],
    ['pyjwt', '2.3.9', true],
    ['pyjwt', '2.4.0rc1', true],
    ['pyjwt', '2.4.0', false],
    ['pyjwt', '1.4.2', false],
    ['PyJWT', '2.3.0', true],
    ['pyjwt-extra', '2.3.0', false],
  ])('%s %s is affected: %s', async (name, version, affected) => {
    await put([PYSEC_2022_202]);
    const expected = ['CVE-2022-29217=GHSA-ffqj-6fqr-9h24=PYSEC-2022-202 ? 2.4.0'];
    expect(await found(wheel(name, version))).toEqual(affected ? expected : []);
  });

  it('can have a fix on each branch', async () => {
    await put([PYSEC_2023_221]);
    const fixOf = async (version: string): Promise<string[]> =>
      (await lookUp([wheel('werkzeug', version)])).vulnerabilities.flatMap(({ fixes }) => fixes);
    expect(await fixOf('2.0')).toEqual(['2.3.8']);
    expect(await fixOf('2.3.8')).toEqual([]);
    expect(await fixOf('3.0.0')).toEqual(['3.0.1']);
    expect(await found(wheel('werkzeug', '3.0.1'))).toEqual([]);
  });

  it('are affected in listed versions outside of all ranges, in any notation', async () => {
    const affected = pythonAffected('app', [pythonRange('introduced 9')], ['1.0', '2.0.0']);
    await put([{ ...PYSEC_2012_19, affected: [affected] }]);
    expect(await found(wheel('app', '1.0.0'))).toHaveLength(1);
    expect(await found(wheel('app', '2'))).toHaveLength(1);
    expect(await found(wheel('app', '1.1'))).toHaveLength(0);
  });

  it('are distinguished by registry, each with its own order of versions', async () => {
    const affected = (ecosystem: string, name: string): object => ({
      package: { ecosystem, name },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0.0.0-0' }, { fixed: '0.10.70' }] }],
    });
    await put([
      {
        id: 'RUSTSEC-2025-0004',
        modified: '2025-02-02T00:00:00Z',
        affected: [affected('crates.io', 'openssl')],
      },
      { id: 'GO-2025-1', modified: '2025-02-02T00:00:00Z', affected: [affected('Go', 'golang.org/x/net')] },
    ]);
    const inside = (name: string, version: string, purl: string): BilledPart => ({
      part: `wheel:cryptography/${name}`,
      version,
      purl,
    });
    expect(await found(inside('cargo:openssl', '0.10.68', 'pkg:cargo/openssl@0.10.68'))).toEqual([
      'RUSTSEC-2025-0004 ? 0.10.70',
    ]);
    expect(await found(inside('cargo:openssl', '0.10.70', 'pkg:cargo/openssl@0.10.70'))).toEqual([]);
    expect(
      await found(inside('golang:golang.org/x/net', 'v0.9.0', 'pkg:golang/golang.org/x/net@v0.9.0')),
    ).toEqual(['GO-2025-1 ? 0.10.70']);
    const { feeds, unchecked } = await lookUp(
      [
        inside('cargo:openssl', '0.10.70', 'pkg:cargo/openssl@0.10.70'),
        inside('openssl', '3.3.2', 'pkg:generic/openssl@3.3.2'),
        wheel('openssl', '0.1'),
      ],
      { now: Date.parse('2026-11-21') },
    );
    expect(feeds.map(({ feed }) => feed)).toEqual(['crates.io']);
    expect(unchecked).toEqual(['wheel:cryptography/openssl', 'wheel:openssl']);
  });

  it('count as affected while no fix is named', async () => {
    await put([PYSEC_2012_19]);
    expect(await found(wheel('keystone', '30.0.0'))).toEqual(['CVE-2012-3542=PYSEC-2012-19 ?']);
  });

  it('have one finding for all names of a vulnerability, with the worst severity and a summary', async () => {
    const third = {
      ...GHSA_JFHM,
      id: 'OTHER-1',
      aliases: ['PYSEC-2023-254'],
      severity: [],
      database_specific: {},
    };
    await put([third, PYSEC_2023_254, GHSA_JFHM]);
    const { vulnerabilities } = await lookUp([wheel('cryptography', '41.0.5')]);
    expect(vulnerabilities).toEqual([
      {
        part: 'wheel:cryptography',
        version: '41.0.5',
        ids: ['CVE-2023-49083', 'GHSA-jfhm-5ghh-2f97', 'OTHER-1', 'PYSEC-2023-254'],
        summary: 'cryptography vulnerable to NULL-dereference when loading PKCS7 certificates',
        severity: { rating: 'high', score: 7.5, vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' },
        fixes: ['41.0.6'],
      },
    ]);
  });

  it('have a worded severity if there is no vector, and the newest CVSS if there are several', async () => {
    const word = { ...GHSA_JFHM, severity: [] };
    const vectors = {
      ...GHSA_JFHM,
      severity: [
        { type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' },
        { type: 'CVSS_V4', score: 'CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N' },
      ],
    };
    const severityOf = async (record: OsvRecord): Promise<unknown> => {
      await put([record]);
      return (await lookUp([wheel('cryptography', '41.0.5')])).vulnerabilities[0]?.severity;
    };
    expect(await severityOf(word)).toEqual({ rating: 'medium' });
    expect(await severityOf(vectors)).toMatchObject({ rating: 'critical', score: 9.3 });
    expect(await severityOf({ ...word, severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N' }] })).toEqual({
      rating: 'medium',
    });
  });

  it('are not found by withdrawn records', async () => {
    await put([{ ...GHSA_JFHM, withdrawn: '2024-11-01T00:00:00Z' }, PYSEC_2012_19]);
    expect(await found(wheel('cryptography', '41.0.5'))).toEqual([]);
  });
});

describe('parts that OSV knows by the tag in their repository', () => {
  const pcre2 = (tag: string): BilledPart => ({
    ...component('pcre2', '10'),
    repository: { url: 'https://github.com/PCRE2Project/pcre2/', tag },
  });

  it.each([
    ['pcre2-10.45', ['OSV-2026-343 high', 'OSV-2025-300 ?'], []],
    ['pcre2-10.46', ['OSV-2026-343 high'], []],
    ['pcre2-10.44', [], ['OSV-2026-343']],
    ['pcre2-10.48', [], ['OSV-2026-343']],
  ])('%s is found, or reported for a record without an end', async (tag, expected, undecided) => {
    await put([OSV_2025_300, OSV_2026_343]);
    expect(await found(pcre2(tag))).toEqual(expected);
    const report = await lookUp([pcre2(tag)], { now: Date.parse('2026-03-04') });
    expect(report.undecided.flatMap(({ ids }) => ids)).toEqual(undecided);
    expect(report.feeds).toEqual([{ feed: 'Git', records: 2, newest: '2026-03-03T00:19:45.154Z' }]);
  });

  it('commits alone decide nothing, unless another database lists versions', async () => {
    const cpython: BilledPart = {
      ...component('cpython', '3.12.1', 'cpe:2.3:a:python:python'),
      repository: { url: 'https://github.com/python/cpython', tag: 'v3.12.1' },
    };
    await put([PSF_2024_1]);
    const alone = await lookUp([cpython]);
    expect(alone.undecided).toEqual([{ part: 'component:cpython', ids: ['CVE-2023-6597', 'PSF-2024-1'] }]);
    expect(formatAdvisories(alone)[0]).toBe('undecided: cpython: look at CVE-2023-6597, PSF-2024-1');
    const bounds = { criteria: 'cpe:2.3:a:python:python:*:*:*:*:*:*:*:*', versionStartIncluding: '3.12.0' };
    const nvd = (end: string): object =>
      nvdRecord('CVE-2023-6597', [[{ ...bounds, versionEndExcluding: end }]]);
    await put([PSF_2024_1, nvd('3.12.1')]);
    expect((await lookUp([cpython])).undecided).toEqual([]);
    expect(await found(cpython)).toEqual([]);
    await put([PSF_2024_1, nvd('3.12.2')]);
    expect((await lookUp([cpython])).undecided).toEqual([]);
    expect(await found(cpython)).toEqual(['CVE-2023-6597 ? 3.12.2']);
  });
});

describe('a statement of a recipe', () => {
  const stated = { part: 'wheel:pyjwt', reason: 'Nothing calls it' } as const;
  const justified = {
    ...stated,
    vulnerability: 'GHSA-ffqj-6fqr-9h24',
    status: 'not_affected',
    justification: 'vulnerable_code_not_in_execute_path',
  } as const;

  it('settles a vulnerability by any of its names, and shows the reason', async () => {
    await put([PYSEC_2022_202]);
    const report = await lookUp([wheel('pyjwt', '2.3.0')], { statements: [justified] });
    expect(openVulnerabilities(report)).toEqual([]);
    expect(report.vulnerabilities).toMatchObject([{ statement: justified }]);
    const fixed = { ...stated, vulnerability: 'CVE-2022-29217', status: 'fixed' } as const;
    const mended = await lookUp([wheel('pyjwt', '2.3.0')], { statements: [fixed] });
    expect(openVulnerabilities(mended)).toEqual([]);
    const [line, reason] = formatAdvisories(report);
    expect(line).toMatch(/^not affected: pyjwt 2\.3\.0: CVE-2022-29217 /);
    expect(reason).toBe('    Nothing calls it (vulnerable_code_not_in_execute_path)');
    expect(formatAdvisories(mended)[0]).toMatch(/^fixed: pyjwt/);
  });

  it('leaves it open while it is under investigation', async () => {
    await put([PYSEC_2022_202]);
    const statement = { ...stated, vulnerability: 'PYSEC-2022-202', status: 'under_investigation' } as const;
    const report = await lookUp([wheel('pyjwt', '2.3.0')], { statements: [statement] });
    expect(openVulnerabilities(report)).toHaveLength(1);
    expect(formatAdvisories(report)[1]).toBe('    under investigation: Nothing calls it');
  });

  it('applies only to its own part, and is listed if unused', async () => {
    await put([PYSEC_2022_202]);
    const other = { ...justified, part: 'wheel:other' } as const;
    const gone = { ...justified, vulnerability: 'CVE-2000-1' } as const;
    const report = await lookUp([wheel('pyjwt', '2.3.0')], { statements: [other, gone] });
    expect(openVulnerabilities(report)).toHaveLength(1);
    expect(report.unused).toEqual([other, gone]);
    expect(formatAdvisories(report).filter((line) => line.startsWith('not needed: '))).toHaveLength(2);
  });
});

describe('parts that NVD knows by their CPE name', () => {
  const httpd = (version: string): BilledPart => component('httpd', version, 'cpe:2.3:a:apache:http_server');
  const openssl = (version: string): BilledPart => component('openssl', version, 'cpe:2.3:a:openssl:openssl');
  const HTTPD = 'cpe:2.3:a:apache:http_server';

  it.each([
    [httpd('2.4.49'), ['CVE-2021-41773 high']],
    [httpd('2.4.50'), []],
    [openssl('3.0.0'), ['CVE-2022-3602 ? 3.0.7']],
    [openssl('3.0.6'), ['CVE-2022-3602 ? 3.0.7']],
    [openssl('3.0.7'), []],
    [openssl('1.1.1w'), []],
    [component('openssl', '3.0.6'), []],
    [component('other', '3.0.6', 'cpe:2.3:a:openssl:other'), []],
  ])('%j', async (part, expected) => {
    await put([CVE_2021_41773, CVE_2022_3602]);
    expect(await found(part, httpd('9'))).toEqual(expected);
  });

  it.each([
    ['versionStartExcluding', '2.4.1', '2.4.2'],
    ['versionEndIncluding', '2.4.3', '2.4.2'],
  ])('is bounded by %s', async (bound, outside, inside) => {
    await put([
      nvdRecord('CVE-1', [
        [{ criteria: `${HTTPD}:*:*:*:*:*:*:*:*`, [bound]: bound.includes('End') ? '2.4.2' : '2.4.1' }],
      ]),
    ]);
    expect(await found(httpd(outside))).toEqual([]);
    expect(await found(httpd(inside))).toHaveLength(1);
  });

  const ALL = [{ criteria: `${HTTPD}:*:*:*:*:*:*:*:*` }];
  const on = (system: string): readonly object[] => [
    { criteria: `cpe:2.3:o:${system}:-:*:*:*:*:*:*:*`, vulnerable: false },
  ];

  it.each([
    ['all versions', nvdRecord('CVE-1', [ALL])],
    ['it on Linux', nvdRecord('CVE-1', [ALL, on('linux:linux_kernel')], { operator: 'AND' })],
    ['it on any system, and another only on Windows', nvdRecord('CVE-1', [ALL, on('microsoft:windows')])],
  ])('is affected by %s', async (_what, record) => {
    await put([record]);
    expect(await found(httpd('2.4.49'))).toHaveLength(1);
  });

  it.each([
    [
      'what only runs with it',
      nvdRecord('CVE-1', [[{ criteria: `${HTTPD}:*:*:*:*:*:*:*:*`, vulnerable: false }]]),
    ],
    ['a build for Windows', nvdRecord('CVE-1', [[{ criteria: `${HTTPD}:*:*:*:*:*:windows:*:*` }]])],
    [
      'a version before the release',
      nvdRecord('CVE-1', [[{ criteria: `${HTTPD}:2.4.49:beta1:*:*:*:*:*:*` }]]),
    ],
    ['a product without versions', nvdRecord('CVE-1', [[{ criteria: `${HTTPD}:-:*:*:*:*:*:*:*` }]])],
    ['it on Windows', nvdRecord('CVE-1', [ALL, on('microsoft:windows')], { operator: 'AND' })],
    ['a CVE that was rejected', nvdRecord('CVE-1', [ALL], { vulnStatus: 'Rejected' })],
  ])('is not affected by %s', async (_what, record) => {
    await put([record]);
    expect(await found(httpd('2.4.49'))).toEqual([]);
  });
});

describe('the database', () => {
  const parts = [
    wheel('pyjwt', '2.3.0'),
    component('httpd', '2.4.49', 'cpe:2.3:a:apache:http_server'),
    component('own', '1'),
  ];
  const records = [PYSEC_2022_202, CVE_2021_41773];

  async function refusal(more: LookUpOptions = {}): Promise<{ code: string; exitCode: number }> {
    const { code, exitCode } = await factsOf(lookUp(parts, more));
    return { code, exitCode };
  }

  it('is read from a zip, a compressed feed, single files and directories of all these', async () => {
    await mkdir(path.join(database, 'PyPI/deep'), { recursive: true });
    await writeFile(
      path.join(database, 'PyPI/deep/all.zip'),
      buildZip({ 'PYSEC-2022-202.json': JSON.stringify(PYSEC_2022_202), 'README.md': 'not JSON' }),
    );
    await writeFile(
      path.join(database, 'nvdcve-2.0-2021.json.gz'),
      gzipSync(
        JSON.stringify({
          format: 'NVD_CVE',
          vulnerabilities: [{ cve: CVE_2021_41773 }, { cve: CVE_2022_3602 }],
        }),
      ),
    );
    await writeFile(path.join(database, 'NOTES.txt'), 'no record');
    const report = await lookUp(parts);
    expect(report).toMatchObject({
      feeds: [
        { feed: 'PyPI', records: 1, newest: '2022-06-07T16:57:16.566Z' },
        { feed: 'NVD', records: 2, newest: '2024-11-21T07:05:54.263Z' },
      ],
      checked: 2,
      unchecked: ['component:own'],
    });
    expect(report.vulnerabilities.map(({ part }) => part)).toEqual(['component:httpd', 'wheel:pyjwt']);
    expect(openVulnerabilities(report)).toHaveLength(2);
    const single = { database: path.join(database, 'PyPI/deep/all.zip') };
    expect((await lookUp(parts, single)).unchecked).toEqual(['component:httpd', 'component:own']);
  });

  it('is reported with its findings, its date and unchecked parts', async () => {
    await put(records);
    expect(formatAdvisories(await lookUp(parts))).toEqual([
      'httpd 2.4.49: CVE-2021-41773, high 7.5: A problem.',
      '    → no fixed version is known; if it is harmless here, state that in a recipe with [[vex]]',
      'pyjwt 2.3.0: CVE-2022-29217 (GHSA-ffqj-6fqr-9h24, PYSEC-2022-202), not rated: PyJWT is a Python implementation of RFC 7519.',
      '    → fixed in 2.4.0',
      'not checked, because no record in the database covers them: own',
      'PyPI: 1 records, the newest of 2022-06-07',
      'NVD: 1 records, the newest of 2024-11-21',
      '2 vulnerabilities: 2 of 3 parts checked',
    ]);
  });

  it('is refused if its newest record is too old, whatever other feeds there are', async () => {
    await put([{ ...PYSEC_2022_202, modified: '2024-11-20T00:00:00Z' }, CVE_2021_41773]);
    expect(await lookUp(parts, { maxAge: 5 })).toBeDefined();
    expect(await refusal({ maxAge: 4 })).toEqual({ code: 'KSB_ADVISORIES_STALE', exitCode: 1 });
    await put(records);
    expect(await refusal({ maxAge: 30 })).toEqual({ code: 'KSB_ADVISORIES_STALE', exitCode: 1 });
  });

  it('is refused if it is newer than the clock', async () => {
    await put(records);
    const now = Date.parse('2024-11-20T00:00:00Z');
    expect(await lookUp(parts, { now })).toBeDefined();
    expect(await refusal({ now: now - 86_400_000 })).toEqual({ code: 'KSB_ADVISORIES_AHEAD', exitCode: 1 });
  });

  it('is refused if nothing can be looked up in it', async () => {
    const empty = { code: 'KSB_ADVISORIES_EMPTY', exitCode: 1 };
    expect(await refusal()).toEqual(empty);
    const npm = { package: { ecosystem: 'npm', name: 'pyjwt' }, versions: ['2.3.0'] };
    await put([{ ...PYSEC_2022_202, affected: [npm] }, { name: 'package.json' }]);
    expect(await refusal()).toEqual(empty);
    expect(await refusal({ database: `${database}/none` })).toEqual({
      code: 'KSB_FILE_UNREADABLE',
      exitCode: 2,
    });
  });

  it.each([
    ['not JSON', '{', 'KSB_ARCHIVE_DAMAGED'],
    ['no time', JSON.stringify({ ...PYSEC_2022_202, modified: 'yesterday' }), 'KSB_ADVISORIES_INVALID'],
    [
      'no versions',
      JSON.stringify({ ...PYSEC_2022_202, affected: [{ versions: 5 }] }),
      'KSB_ADVISORIES_INVALID',
    ],
    ['no feed', JSON.stringify({ vulnerabilities: [{}] }), 'KSB_ADVISORIES_INVALID'],
  ])('is refused if a record is %s', async (_why, text, code) => {
    await put(records);
    await writeFile(path.join(database, 'damaged.json'), text);
    expect(await refusal()).toEqual({ code, exitCode: 4 });
  });
});
