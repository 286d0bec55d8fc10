import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuditReport, Finding } from '../../src/domain/audit.ts';
import { removeTree } from '../../src/io/files.ts';
import { run } from '../../src/io/process.ts';
import type { PathAudit } from '../../src/pipeline.ts';
import { FAULTS, type Fault } from '../fixtures/planted-faults.ts';
import { buildZip } from '../fixtures/zip.ts';
import { CVE_2022_3602, nvdRecord, PYSEC_2012_19, PYSEC_2022_202 } from '../support/advisories.ts';
import { releaseName, tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';

describe('the real release', () => {
  let directory: string;
  let release: string;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-audit-'));
    release = path.join(directory, releaseName());
    const unpacked = await run(['tar', '-xzf', tarball(), '-C', directory]);
    if (unpacked.exitCode !== 0) throw new Error(`cannot unpack ${tarball()}: ${unpacked.stderr}`);
    return () => removeTree(directory);
  });

  const audit = async (target: string): Promise<{ exitCode: number | undefined; report: AuditReport }> => {
    const result = await ksbundle(['audit', target, '--json']);
    return { exitCode: result.exitCode, report: JSON.parse(result.stdout) as AuditReport };
  };

  it('has no finding, and the floor 2.17', async () => {
    const { exitCode, report } = await audit(tarball());
    expect(report.findings.filter(({ exception }) => exception === undefined)).toEqual([]);
    expect(exitCode).toBe(0);
    expect(report.floor).toBe('2.17');
    expect(report.elfFilesScanned).toBeGreaterThan(100);
    // Known contents: a loaded library, copies of components and embedded parts of wheels.
    const found = new Set(
      report.libraries.map(
        ({ path: file, name, billed }) => `${path.basename(file).split('.')[0]} ${name} ${billed}`,
      ),
    );
    expect([...found]).toEqual(
      expect.arrayContaining([
        'libcrypto openssl itself',
        'mod_ssl openssl shared',
        '_sqlite3 sqlite linked',
        'httpd pcre2 linked',
        '_rust openssl embedded',
        '_cffi_backend libffi embedded',
        '_yaml libyaml embedded',
        'rpds rpds embedded',
      ]),
    );
    const bill = JSON.parse((await ksbundle(['inspect', tarball(), '--sbom', 'cyclonedx'])).stdout) as {
      readonly components: readonly {
        readonly name: string;
        readonly components?: readonly { readonly name: string; readonly version: string }[];
      }[];
    };
    const inside = bill.components.flatMap(({ name, components = [] }) =>
      components.map((each) => `${name}/${each.name} ${each.version}`),
    );
    const openssl = report.libraries.find(
      ({ path: file, name }) => file.includes('_rust') && name === 'openssl',
    );
    expect(inside).toContain(`cryptography/openssl ${openssl?.versions[0]}`);
    expect(inside).toEqual(expect.arrayContaining(['httpd/pcre2 10.48', 'cpython/mpdecimal 2.5.1']));
  });

  it('is refused for every planted fault, each named', async () => {
    const faulty = path.join(directory, 'faulty');
    await cp(release, faulty, { recursive: true, verbatimSymlinks: true });
    for (const fault of PLANTED) await fault.plant(faulty);
    const library = path.join(faulty, 'lib/python3.13/lib-dynload');
    const ssl = (await readdir(library)).find((name) => name.startsWith('_ssl.')) ?? '';
    await rm(path.join(library, ssl));
    const { exitCode, report } = await audit(faulty);
    expect(exitCode).toBe(5);
    const found = new Set(report.findings.map(describeFinding));
    const planted = PLANTED.map(({ rule, path: file }) => `${rule} ${file}`);
    expect(planted.filter((fault) => !found.has(fault))).toEqual([]);
    expect([...found].filter((finding) => finding.startsWith('missing-module'))).toHaveLength(1);
  });

  it('does not pass if it is empty', async () => {
    const empty = path.join(directory, 'empty');
    await mkdir(empty);
    const { exitCode, report } = await audit(empty);
    expect(exitCode).toBe(5);
    expect(report.findings.map(({ rule }) => rule)).toContain('nothing-scanned');
  });

  it('is looked up in a local database, with regard to its age and to the statements of recipes', async () => {
    const database = path.join(directory, 'advisories');
    await mkdir(database);
    const openssl = {
      criteria: 'cpe:2.3:a:openssl:openssl:*:*:*:*:*:*:*:*',
      versionStartIncluding: '3.5.0',
      versionEndExcluding: '99.0.0',
    };
    const records = { 'PYSEC-2012-19.json': PYSEC_2012_19, 'PYSEC-2022-202.json': PYSEC_2022_202 };
    const zip = Object.entries(records).map(([name, record]) => [name, JSON.stringify(record)]);
    await writeFile(path.join(database, 'all.zip'), buildZip(Object.fromEntries(zip)));
    const nvd = { vulnerabilities: [nvdRecord('CVE-9', [[openssl]]), CVE_2022_3602].map((cve) => ({ cve })) };
    await writeFile(path.join(database, 'nvd.json.gz'), gzipSync(JSON.stringify(nvd)));
    const lookUp = ['audit', release, '--json', '--advisories', database];

    const stale = await ksbundle(lookUp);
    expect(stale.exitCode).toBe(1);
    expect(JSON.parse(stale.stdout)).toMatchObject({ error: { code: 'KSB_ADVISORIES_STALE' } });

    const found = await ksbundle([...lookUp, '--max-age', '99999']);
    expect(found.exitCode).toBe(5);
    const { findings, advisories } = JSON.parse(found.stdout) as PathAudit;
    expect(findings.filter(({ exception }) => exception === undefined)).toEqual([]);
    expect(advisories?.feeds.map(({ feed, records: read }) => [feed, read])).toEqual([
      ['PyPI', 2],
      ['NVD', 2],
    ]);
    expect(advisories?.vulnerabilities).toMatchObject([
      { part: 'component:openssl', ids: ['CVE-9'], fixes: ['99.0.0'] },
      { part: 'wheel:cryptography/openssl', ids: ['CVE-9'], fixes: ['99.0.0'] },
      { part: 'wheel:keystone', ids: ['CVE-2012-3542', 'PYSEC-2012-19'], statement: { status: 'fixed' } },
    ]);
    expect(advisories?.unchecked).not.toContain('component:httpd');
  });

  it('is verified byte for byte, and refused with one changed or added byte', async () => {
    expect(await ksbundle(['verify', tarball()])).toMatchObject({ exitCode: 0 });
    const content = await readFile(tarball());
    const damaged = path.join(directory, path.basename(tarball()));
    await writeFile(damaged, Buffer.concat([content, Buffer.from('x')]));
    expect(await ksbundle(['verify', damaged])).toMatchObject({ exitCode: 4 });
    const middle = content.length >> 1;
    content[middle] = (content[middle] ?? 0) ^ 1;
    await writeFile(damaged, content);
    expect(await ksbundle(['verify', damaged])).toMatchObject({ exitCode: 4 });
  });
});

/** Rules whose first planted fault needs a special release; other tests plant those. */
const ELSEWHERE = new Set(['build-path', 'missing-module', 'nothing-scanned']);

/** The first fault of every other rule. */
const PLANTED: readonly Fault[] = FAULTS.filter(
  ({ rule }, index) => !ELSEWHERE.has(rule) && FAULTS.findIndex((fault) => fault.rule === rule) === index,
);

function describeFinding({ rule, path: file }: Finding): string {
  return `${rule} ${file}`;
}
