import { appendFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { packRelease } from '../../../src/pack/pack-release.ts';
import { buildElf } from '../../fixtures/elf-builder.ts';
import { pythonAffected, pythonRange, type OsvRecord } from '../../support/advisories.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { packDemo } from '../../support/packed-release.ts';
import { runProgram, type Ran } from './command.ts';

const SCRIPT = path.join(import.meta.dirname, '../../../tools/release-check.sh');

/** An advisory of the wheel in the demo release, version 2, as it was published some days ago. */
function advisory(fixed: string, days: number): OsvRecord {
  return {
    id: 'PYSEC-2026-1',
    modified: new Date(Date.now() - days * 86_400_000).toISOString(),
    details: 'a vulnerability of app',
    affected: [pythonAffected('app', [pythonRange('introduced 0', `fixed ${fixed}`)])],
  };
}

/**
 * The demo release with a program for the audit, of a component without a recipe here, so that the audit finds nothing.
 */
async function packSound(): Promise<string> {
  const { options } = await packDemo((release) => writeFile(path.join(release, 'bin/python3'), buildElf()));
  const renamed = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('cpython', 'tool')) as T;
  const parts = new Map(renamed([...options.parts]));
  return (await packRelease({ ...options, facts: renamed(options.facts), parts })).tarball;
}

describe('npm run release-check', () => {
  /** Checks the demo release, or another tarball, against a database of one record. */
  async function check(
    record: OsvRecord,
    { tarball, options = [] }: { readonly tarball?: string; readonly options?: readonly string[] } = {},
  ): Promise<Ran> {
    const directory = await temporaryDirectory();
    const database = path.join(directory, 'record.json');
    await writeFile(database, JSON.stringify(record));
    return runProgram(['sh', SCRIPT, tarball ?? (await packSound()), database, ...options], {
      environment: { KSBUNDLE_CACHE: path.join(directory, 'cache') },
    });
  }

  it('exits with 0 if no known vulnerability is open, with the date of the database', async () => {
    const { exitCode, stdout, stderr } = await check(advisory('1.5', 1));
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^PyPI: 1 records?, the newest of/mu);
    expect(stdout).toMatch(
      /release-check: demo-1\.0-1-linux-x86_64\.tar\.gz may be released, .*\(\d{4}-\d\d-\d\d\)\n?$/u,
    );
  });

  it('exits with 5 for a vulnerability, and does not approve the release', async () => {
    const { exitCode, stdout } = await check(advisory('3', 1));
    expect(exitCode).toBe(5);
    expect(stdout).toContain('PYSEC-2026-1');
    expect(stdout).not.toContain('may be released');
  });

  it('looks nothing up in a stale database, unless --max-age allows it', async () => {
    const stale = await check(advisory('1.5', 40));
    expect(stale.exitCode).toBe(1);
    expect(stale.stderr).toContain('KSB_ADVISORIES_STALE');
    expect(stale.stdout).not.toContain('may be released');
    expect((await check(advisory('1.5', 40), { options: ['--max-age', '41'] })).exitCode).toBe(0);
  });

  it('refuses a damaged tarball before it looks anything up', async () => {
    const tarball = await packSound();
    await appendFile(tarball, 'x');
    const { exitCode, stdout } = await check(advisory('3', 1), { tarball });
    expect(exitCode).toBe(4);
    expect(stdout).not.toContain('PYSEC');
  });

  it('prints its usage', async () => {
    const { exitCode, stderr } = await runProgram(['sh', SCRIPT]);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('TARBALL DATABASE')]);
  });
});
