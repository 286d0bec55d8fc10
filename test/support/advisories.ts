/*
 * Advisories for tests: packages, versions, names and severity of real ones, in the form of OSV and NVD. Without prose
 * and references, which nothing reads.
 */

export interface OsvRecord {
  readonly id: string;
  readonly modified: string;
  readonly [key: string]: unknown;
}

/** An OSV range of versions of the Python index; events as `introduced 1.0`, in the order given. */
export function pythonRange(...events: readonly string[]): object {
  return {
    type: 'ECOSYSTEM',
    events: events.map((event) => {
      const [kind = '', version = ''] = event.split(' ');
      return { [kind]: version };
    }),
  };
}

/** A record of OSV about a distribution of the Python index. */
export function pythonAffected(
  name: string,
  ranges: readonly object[],
  versions: readonly string[] = [],
): object {
  return { package: { ecosystem: 'PyPI', name, purl: `pkg:pypi/${name}` }, ranges, versions };
}

/** github.com/pypa/advisory-database, vulns/pyjwt/PYSEC-2022-202.yaml */
export const PYSEC_2022_202: OsvRecord = {
  id: 'PYSEC-2022-202',
  modified: '2022-06-07T16:57:16.566102Z',
  aliases: ['CVE-2022-29217', 'GHSA-ffqj-6fqr-9h24'],
  details:
    'PyJWT is a Python implementation of RFC 7519. PyJWT supports multiple different JWT signing algorithms.',
  affected: [
    {
      ...pythonAffected('pyjwt', [
        {
          type: 'GIT',
          repo: 'https://github.com/jpadilla/pyjwt',
          events: [{ introduced: '0' }, { fixed: '9c528670c455b8d948aff95ed50e22940d1ad3fc' }],
        },
        pythonRange('introduced 1.5.0', 'fixed 2.4.0'),
      ]),
      versions: [
        '1.5.0',
        '1.5.1',
        '1.5.2',
        '1.5.3',
        '1.6.0',
        '1.6.1',
        '1.6.3',
        '1.6.4',
        '1.7.0',
        '1.7.1',
      ].concat(['2.0.0', '2.0.0a1', '2.0.0a2', '2.0.1', '2.1.0', '2.2.0', '2.3.0']),
    },
  ],
};

/** github.com/pypa/advisory-database, vulns/werkzeug/PYSEC-2023-221.yaml: one range with two branches. */
export const PYSEC_2023_221: OsvRecord = {
  id: 'PYSEC-2023-221',
  modified: '2023-11-08T18:38:34.170214Z',
  aliases: ['CVE-2023-46136', 'GHSA-hrfv-mqp8-q5rw'],
  details: 'Werkzeug is a comprehensive WSGI web application library.',
  affected: [
    pythonAffected(
      'werkzeug',
      [pythonRange('introduced 0', 'fixed 2.3.8', 'introduced 3.0.0', 'fixed 3.0.1')],
      ['2.3.7', '3.0.0'],
    ),
  ],
};

/** github.com/pypa/advisory-database, vulns/keystone/PYSEC-2012-19.yaml: never said to be fixed in any version. */
export const PYSEC_2012_19: OsvRecord = {
  id: 'PYSEC-2012-19',
  modified: '2023-11-07T20:24:25.208233Z',
  aliases: ['CVE-2012-3542'],
  details: 'OpenStack Keystone, as used in OpenStack Folsom before folsom-rc1 and OpenStack Essex (2012.1)',
  affected: [pythonAffected('keystone', [pythonRange('introduced 0')], ['12.0.2', '13.0.2'])],
};

/** github.com/advisories/GHSA-jfhm-5ghh-2f97, the same vulnerability as PYSEC-2023-254. */
export const GHSA_JFHM: OsvRecord = {
  id: 'GHSA-jfhm-5ghh-2f97',
  modified: '2024-02-16T08:16:43Z',
  aliases: ['CVE-2023-49083'],
  summary: 'cryptography vulnerable to NULL-dereference when loading PKCS7 certificates',
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H' }],
  affected: [pythonAffected('Cryptography', [pythonRange('introduced 3.1', 'fixed 41.0.6')])],
  database_specific: { severity: 'MODERATE' },
};

/** github.com/pypa/advisory-database, vulns/cryptography/PYSEC-2023-254.yaml */
export const PYSEC_2023_254: OsvRecord = {
  id: 'PYSEC-2023-254',
  modified: '2024-02-17T07:18:27.688636Z',
  aliases: ['CVE-2023-49083', 'GHSA-jfhm-5ghh-2f97'],
  details:
    'cryptography is a package designed to expose cryptographic primitives and recipes to Python developers.',
  affected: [pythonAffected('cryptography', [pythonRange('introduced 3.1', 'fixed 41.0.6')], ['41.0.5'])],
};

/** github.com/psf/advisory-database, advisories/python/PSF-2024-1.json: commits, and no versions. */
export const PSF_2024_1: OsvRecord = {
  id: 'PSF-2024-1',
  modified: '2024-06-13T19:24:11.289Z',
  aliases: ['CVE-2023-6597'],
  details: 'An issue was found in the CPython `tempfile.TemporaryDirectory` class.',
  affected: [
    {
      ranges: [
        {
          type: 'GIT',
          repo: 'https://github.com/python/cpython',
          events: [{ introduced: '0' }, { fixed: '81c16cd94ec38d61aa478b9a452436dc3b1b524d' }],
        },
      ],
    },
  ],
};

/** A record of OSS-Fuzz about PCRE2. */
function pcre2Affected(
  events: readonly object[],
  versions: readonly string[],
  severity: string | null,
): object {
  return {
    package: { ecosystem: 'OSS-Fuzz', name: 'pcre2', purl: 'pkg:generic/pcre2' },
    ranges: [{ type: 'GIT', repo: 'https://github.com/PCRE2Project/pcre2.git', events }],
    versions,
    ecosystem_specific: { severity },
  };
}

/** github.com/google/oss-fuzz-vulns, vulns/pcre2/OSV-2025-300.yaml: in one release, and fixed. */
export const OSV_2025_300: OsvRecord = {
  id: 'OSV-2025-300',
  modified: '2025-04-26T00:15:04.274471Z',
  summary: 'Negative-size-param in recurse_update_offsets',
  affected: [
    pcre2Affected(
      [
        { introduced: '903bdebae697a2cc8beed6535d51a3aea6c814c0' },
        { fixed: 'bcc12d905673533457a897d6362a816d1dbd366d' },
      ],
      ['pcre2-10.45'],
      null,
    ),
  ],
};

/** github.com/google/oss-fuzz-vulns, vulns/pcre2/OSV-2026-343.yaml: in all releases since then. */
export const OSV_2026_343: OsvRecord = {
  id: 'OSV-2026-343',
  modified: '2026-03-03T00:19:45.154065Z',
  summary: 'Heap-buffer-overflow in pcre2_compile_32',
  affected: [
    pcre2Affected(
      [{ introduced: '24f9d8df0b8ddabc217ec4e7856a678e09f52773' }],
      ['pcre2-10.45', 'pcre2-10.45-RC1', 'pcre2-10.46', 'pcre2-10.47'],
      'HIGH',
    ),
  ],
};

/** One CVE as in NVD's API 2.0, with one configuration. */
export function nvdRecord(
  id: string,
  nodes: readonly (readonly object[])[],
  more: Readonly<Record<string, unknown>> = {},
): object {
  const { operator, ...rest } = more;
  return {
    id,
    lastModified: '2024-11-21T07:05:54.263',
    vulnStatus: 'Modified',
    descriptions: [
      { lang: 'es', value: 'Un problema.' },
      { lang: 'en', value: 'A problem. It has consequences.' },
    ],
    configurations: [
      {
        ...(operator === undefined ? {} : { operator }),
        nodes: nodes.map((cpeMatch) => ({
          operator: 'OR',
          negate: false,
          cpeMatch: cpeMatch.map((match) => ({ vulnerable: true, matchCriteriaId: '00000000', ...match })),
        })),
      },
    ],
    ...rest,
  };
}

/** NVD's CVE-2021-41773: two versions of httpd, by name. */
export const CVE_2021_41773 = nvdRecord(
  'CVE-2021-41773',
  [[{ criteria: 'cpe:2.3:a:apache:http_server:2.4.49:*:*:*:*:*:*:*' }]],
  {
    metrics: {
      cvssMetricV31: [
        {
          type: 'Secondary',
          cvssData: { vectorString: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', baseScore: 9.8 },
        },
        {
          type: 'Primary',
          cvssData: { vectorString: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N', baseScore: 7.5 },
        },
      ],
      cvssMetricV2: [{ type: 'Primary', cvssData: { vectorString: 'AV:N/AC:M/Au:N/C:P/I:N/A:N' } }],
    },
  },
);

/** NVD's CVE-2022-3602: OpenSSL from 3.0.0 to before 3.0.7, and a program that embeds it. */
export const CVE_2022_3602 = nvdRecord('CVE-2022-3602', [
  [
    {
      criteria: 'cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*',
      versionStartIncluding: '3.0.0',
      versionEndExcluding: '3.0.7',
    },
  ],
  [
    {
      criteria: 'cpe:2.3:a:nodejs:node.js:*:*:*:*:-:*:*:*',
      versionStartIncluding: '18.0.0',
      versionEndExcluding: '18.11.0',
    },
  ],
]);
