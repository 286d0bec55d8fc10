import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { exists } from '../../src/io/files.ts';
import type { RunResult } from '../../src/io/process.ts';
import { longestGap, sendMeanwhile } from './support/http.ts';
import { dumpDatabase, lastingState } from './support/inside.ts';
import { findLosses, makeData, validation, type Data, type Service } from './support/keystone-data.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword, bootstrap, install, unpack, type Site } from './support/site.ts';

const SAVED = '/media/saved.tar.gz';
const ELSEWHERE = '/srv/elsewhere';
const lacking = await whyNoMachines();
const why = lacking === undefined ? '' : ` (${lacking})`;

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(`an instance that is backed up, restored and removed${why}`, () => {
  let machine: Machine;
  let site: Site;
  let service: Service;
  let data: Data;

  beforeAll(async () => {
    machine = await startMachine('trixie', [ADDRESS]);
    service = { machine, url: `http://${ADDRESS}:5000/v3` };
    site = await unpack(machine, '/srv/key stöne');
    await install(site, ['--host', ADDRESS, '--create-user']);
    data = await makeData(service, await adminPassword(site), 'kept');
    await writeFile(inMachine(`${site.instance}/admin-password`), `${data.password}\n`);
    return () => machine.destroy();
  });

  const inMachine = (file: string): string => path.join(machine.root, file);

  it('is backed up while it serves; files that a backup cannot hold are listed', async () => {
    const link = `${site.instance}/etc/own/linked`;
    await machine.execute(['mkdir', '-p', path.dirname(link)]);
    await symlink('/media/own', inMachine(link));
    const { answers, result } = await sendMeanwhile(machine, validation(service, data.token), () =>
      bootstrap(site, ['backup', SAVED]),
    );
    expect(result).toMatchObject({ exitCode: 0, stdout: SAVED });
    expect(result.stderr).toContain(link);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await stat(inMachine(SAVED))).mode & 0o777).toBe(0o600);
    await machine.execute(['rm', '-r', path.dirname(link)]);
  });

  it.each([
    ['over another file', () => SAVED, 'a backup never replaces a file'],
    ['into the release', () => `${site.release}/lib/saved.tar.gz`, 'which never changes'],
    ['where there is no directory', () => '/media/none/saved.tar.gz', 'no such directory'],
  ])('is not backed up %s', async (_, file, reason) => {
    expect((await expectUntouched(['backup', file()], 3)).stderr).toContain(reason);
  });

  it('is restored to an empty instance in another place, beside the running one', async () => {
    const before = await lastingState(site);
    const other = ['--instance', ELSEWHERE];
    await install(site, ['restore', SAVED, ...other, '--port', '5001']);
    const second = { machine, url: `http://${ADDRESS}:5001/v3` };
    expect(await findLosses(second, data)).toEqual([]);
    expect(await bootstrap(site, ['verify', ...other])).toMatchObject({ exitCode: 0 });
    await install(site, ['uninstall', '--purge', '--yes', ...other]);
    expect(await exists(inMachine(ELSEWHERE))).toBe(false);
    expect(await lastingState(site)).toEqual(before);
    await expectToServe();
  });

  it('is restored over the running one, also if its data is on a separate file system', async () => {
    await makeData(service, data.password, 'later');
    const place = `${site.instance}/data`;
    // A mount is another file system to rename(2).
    expect(await machine.execute(['mount', '--bind', place, place])).toMatchObject({ exitCode: 0 });
    const request = { method: 'GET', url: service.url } as const;
    const { answers, result } = await sendMeanwhile(machine, request, () =>
      bootstrap(site, ['restore', SAVED]),
    );
    expect(result).toMatchObject({ exitCode: 0 });
    const told = Number(/without service for ([\d.]+) s/.exec(result.stderr)?.[1]) * 1000;
    const seen = longestGap(answers, 200);
    process.stderr.write(`restore: ${told} ms without service, a client saw ${seen.toFixed(0)} ms\n`);
    expect(Math.abs(told - seen)).toBeLessThan(1000 + seen / 10);
    expect(await machine.execute(['umount', '--lazy', place])).toMatchObject({ exitCode: 0 });
    await expectToServe();
    expect(await dumpDatabase(site)).not.toContain("'later'");
    expect(result.stderr).toContain('-before-restore.tar.gz');
  });

  it('is not touched by a backup that is damaged', async () => {
    const bytes = await readFile(inMachine(SAVED));
    await writeFile(inMachine('/media/flipped'), flip(bytes, bytes.length >> 1));
    await writeFile(inMachine('/media/short'), bytes.subarray(0, -1));
    for (const file of ['flipped', 'short'])
      expect((await expectUntouched(['restore', `/media/${file}`], 4)).stderr).toContain('damaged');
    expect((await expectUntouched(['restore', '/media/none'], 3)).stderr).toContain('cannot be read');
  });

  it("serves as before if a backup's configuration does not start", async () => {
    const setting = `${site.instance}/etc/keystone.conf.d/wrong.conf`;
    await writeFile(inMachine(setting), '[token]\nexpiration = never\n');
    await install(site, ['backup', '/media/wrong.tar.gz']);
    await machine.execute(['rm', setting]);
    const failed = await bootstrap(site, ['restore', '/media/wrong.tar.gz']);
    expect(failed).toMatchObject({ exitCode: 6 });
    expect(failed.stderr).toContain('the former state serves again');
    expect(await exists(inMachine(setting))).toBe(false);
    await expectToServe();
  });

  it('is uninstalled without its data, and serves again after the next install', async () => {
    const before = await dumpDatabase(site);
    await install(site, ['uninstall']);
    expect(await machine.processes()).toEqual([]);
    expect(await dumpDatabase(site)).toBe(before);
    for (const command of ['start', 'status', 'backup', 'maintain'])
      expect(await bootstrap(site, [command])).toMatchObject({ exitCode: 3 });
    await install(site, []);
    await expectToServe();
  });

  it('is purged only with --yes, and lists what would be removed', async () => {
    const { stderr } = await expectUntouched(['uninstall', '--purge', '--remove-user'], 3);
    for (const name of ['data/keystone.db', 'keys', 'backups', 'the account keystone'])
      expect(stderr).toContain(name);
    await expectUntouched(['uninstall', '--remove-user'], 2);
  });

  it('is purged with its account, after a last backup that can restore all of it', async () => {
    const purged = await install(site, ['uninstall', '--purge', '--yes', '--remove-user']);
    expect(await machine.processes()).toEqual([]);
    expect(await exists(inMachine(site.instance)), purged.stderr).toBe(false);
    expect(await readFile(inMachine('/etc/passwd'), 'utf8')).not.toContain('keystone');
    const last = purged.stdout;
    expect(path.dirname(last)).toBe(path.dirname(site.release));
    await install(site, ['restore', last, '--create-user']);
    await expectToServe();
  });

  async function expectToServe(): Promise<void> {
    expect(await findLosses(service, data)).toEqual([]);
  }

  /** Expects this end of the command, and no change. */
  async function expectUntouched(command: readonly string[], exitCode: number): Promise<RunResult> {
    const before = await lastingState(site);
    const refused = await bootstrap(site, command);
    expect(refused).toMatchObject({ exitCode });
    expect(await lastingState(site)).toEqual(before);
    return refused;
  }
});

/**
 * Flips a bit of a byte of gzip's, the first from `start` on that matters: within a run of zeros, the same bytes are
 * decompressed from another distance.
 */
function flip(bytes: Buffer, start: number): Uint8Array {
  for (let at = start; at < bytes.length; at += 1) {
    const flipped = bytes.with(at, (bytes[at] ?? 0) ^ 1);
    try {
      gunzipSync(flipped);
    } catch {
      return flipped;
    }
  }
  throw new Error('no byte matters');
}
