import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import { earlierTarball } from './support/bundle.ts';
import { longestGap, sendMeanwhile } from './support/http.ts';
import { changeDatabase, dumpDatabase, fingerprint, lastingState } from './support/inside.ts';
import { findLosses, makeData, validation, type Data, type Service } from './support/keystone-data.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import {
  ADDRESS,
  adminPassword,
  alterRelease,
  bootstrap,
  install,
  siteAt,
  unpack,
  type Site,
} from './support/site.ts';

const OTHER_ADDRESS = '192.168.1.77';
const lacking = await whyNoMachines();
const why = lacking === undefined ? '' : ` (${lacking})`;

/* Keystone 30.0.0 has the schema of 29.1.0. The last migration, of 29.0.0, is undone, so that one is pending. */
const INDEXES = ['ix_revocation_event_project_id_user_id', 'ix_revocation_event_composite'];
const REVERT_MIGRATION = [
  ...INDEXES.map((name) => `DROP INDEX ${name}`),
  "UPDATE alembic_version SET version_num = 'e8725d6fa226' WHERE version_num = '742c857f1dfb'",
];

/** Only the keys that the first installer wrote into the receipt. */
const FIRST_KEYS = 'answers bundle files format installed instance release state updated version'.split(' ');
/** A key that no installer has written yet. */
const UNKNOWN = { ticket: { number: 17, of: 'somebody else' } };

/* The tests build on each other, in order. */
describe.skipIf(lacking !== undefined)(`an upgrade of Keystone 29 to 30${why}`, () => {
  let machine: Machine;
  let old: Site;
  let site: Site;
  let service: Service;
  let data: Data;

  beforeAll(async () => {
    machine = await startMachine('trixie', [ADDRESS, OTHER_ADDRESS]);
    service = { machine, url: `http://${ADDRESS}:5000/v3` };
    old = await unpack(machine, '/srv', { from: earlierTarball() });
    site = await unpack(machine, '/opt');
    await install(old, ['--host', ADDRESS]);
    data = await makeData(service, await adminPassword(old), 'kept');
    await changeDatabase(old, REVERT_MIGRATION);
    await changeReceipt(old, (receipt) => ({
      ...Object.fromEntries(FIRST_KEYS.map((key) => [key, receipt[key]])),
      ...UNKNOWN,
    }));
    return () => machine.destroy();
  });

  const upgrade = (...parameters: string[]): Promise<RunResult> =>
    bootstrap(site, ['upgrade', '--from', old.release, ...parameters]);

  it('is planned without a write', async () => {
    const { stdout } = await expectUntouched(old, () => bootstrap(site, ['plan', '--from', old.release]), 0);
    expect(stdout).toContain(`rename ${old.instance} to ${site.instance}`);
  });

  it('reports settings and policies that the new release treats differently, before anything stops', async () => {
    const etc = path.join(machine.root, old.instance, 'etc');
    const settings = path.join(etc, 'keystone.conf.d/own.conf');
    const policies = path.join(etc, 'policy.d/own.yaml');
    await mkdir(path.dirname(policies));
    await chmod(path.dirname(policies), 0o755);
    await writeFile(settings, '[assignment]\nlist_limit = 100\n');
    await writeFile(policies, '"identity:create_project": "domain_id:%(domain_id)s"\n');
    const planned = await expectUntouched(old, () => bootstrap(site, ['plan', '--from', old.release]), 0);
    expect(planned.stderr).toContain('[assignment] list_limit is now called [resource] list_limit');
    expect(planned.stderr).toContain('where: ' + path.join(old.instance, 'etc/keystone.conf.d/own.conf:2'));
    expect(planned.stderr).toContain('attributes of a body are %(request_body.domain_id)s');
    expect(planned.stderr).not.toContain('could not review');
    await writeFile(settings, '[token]\nexpiration = soon\n');
    const refused = await expectUntouched(old, upgrade, 3);
    expect(refused.stderr).toContain('[token] expiration has a value that this release refuses');
    await rm(settings);
    await rm(path.dirname(policies), { recursive: true });
  });

  it('is refused from a version that is too old', async () => {
    const undo = await alterRelease(site, 'init/bundle.json', (text) => {
      const bundle = JSON.parse(text) as object;
      return JSON.stringify({ ...bundle, upgradeFrom: '29.2.0' });
    });
    const refused = await expectUntouched(old, upgrade, 3);
    expect(refused.stderr).toContain('29.2.0 is the earliest version that can');
    await undo();
  });

  it.each([
    ['old', () => old],
    ['new', () => site],
  ])('is refused if the %s release is damaged', async (_, damaged) => {
    const file = 'README';
    const absolute = path.join(machine.root, damaged().release, file);
    const bytes = await readFile(absolute);
    await writeFile(absolute, bytes.with(9, (bytes[9] ?? 0) ^ 1));
    const refused = await expectUntouched(old, upgrade, 4);
    expect(refused.stderr).toContain(file);
    await writeFile(absolute, bytes);
  });

  it('is refused if the instance cannot be renamed, with a hint', async () => {
    // For rename(2), two mounts of one file system are two file systems.
    expect(await machine.execute(['mount', '--bind', '/opt', '/opt'])).toMatchObject({ exitCode: 0 });
    const refused = await expectUntouched(old, upgrade, 3);
    expect(refused.stderr).toContain(`--instance ${old.instance}`);
    expect(await machine.execute(['umount', '/opt'])).toMatchObject({ exitCode: 0 });
  });

  it('does not interrupt the old version if the database cannot be upgraded', async () => {
    // The last table of the migration already exists.
    await changeDatabase(old, ['CREATE INDEX ix_revocation_event_composite ON revocation_event (user_id)']);
    const failed = await expectUninterrupted(upgrade, 6);
    await expectToServe(old);
    expect(failed.stderr).toContain('already exists');
    await changeDatabase(old, ['DROP INDEX ix_revocation_event_composite']);
  });

  it('starts the old version again if no backup can be made', async () => {
    await writeFile(path.join(machine.root, old.instance, 'backups'), '');
    const failed = await bootstrap(site, ['upgrade', '--from', old.release]);
    expect(failed).toMatchObject({ exitCode: 6 });
    expect(failed.stderr).toContain('the former release serves again');
    await expectToServe(old);
    expect(await machine.execute(['rm', `${old.instance}/backups`])).toMatchObject({ exitCode: 0 });
  });

  it('restores the old version by itself if the new one does not serve', async () => {
    const undo = await alterRelease(
      site,
      'init/services/keystone/templates/keystone.wsgi',
      (text) => `${text}\nraise SystemError\n`,
    );
    const failed = await upgrade();
    expect(failed.exitCode).toBe(6);
    await expectToServe(old);
    await undo();
  });

  it('upgrades the database, and keeps data, keys, passwords and tokens', async () => {
    const keys = await fingerprint(machine, `${old.instance}/keys`);
    const { answers, result } = await sendMeanwhile(machine, validation(service, data.token), upgrade);
    expect(result).toMatchObject({ exitCode: 0 });
    await expectToServe(site);
    expect(await fingerprint(machine, `${site.instance}/keys`)).toEqual(keys);
    for (const name of INDEXES) expect(await dumpDatabase(site)).toContain(name);
    const manage = `${site.release}/bin/keystone-manage`;
    const checked = await machine.execute(['runuser', '-u', 'nobody', '--', manage, 'db_sync', '--check']);
    expect(checked).toMatchObject({ exitCode: 0 });
    // The reported interruption matches the client's.
    expect(answers.flatMap(({ status = 200 }) => (status === 200 ? [] : [status]))).toEqual([]);
    const told = Number(/without service for ([\d.]+) s/.exec(result.stderr)?.[1]) * 1000;
    const seen = longestGap(answers, 200);
    process.stderr.write(`upgrade: ${told} ms without service, a client saw ${seen.toFixed(0)} ms\n`);
    expect(seen).toBeGreaterThan(100);
    expect(Math.abs(told - seen)).toBeLessThan(1000 + seen / 10);
  });

  it('understands the receipt of the first installer, and keeps unknown keys', async () => {
    const receipt = await readReceipt(site);
    expect(receipt).toMatchObject({ ...UNKNOWN, version: '30.0.0', answers: { host: [ADDRESS] } });
    expect(receipt).toHaveProperty('account.name', 'nobody');
  });

  it.each(['status', 'verify'])('is shown by %s, with the way back', async (command) => {
    const told = await bootstrap(site, [command, '--json']);
    expect(told.exitCode).toBe(0);
    const previous: unknown = expect.objectContaining({
      version: '29.1.0',
      release: old.release,
      missing: [],
    });
    expect(JSON.parse(told.stdout)).toMatchObject({ previous });
    expect((await bootstrap(site, [command])).stdout).toContain(`29.1.0 in ${old.release}; rollback`);
  });

  it('does not restore a backup of the old version directly', async () => {
    const { previous } = (await readReceipt(site)) as { previous: { backup: string } };
    const saved = path.join(site.instance, previous.backup);
    const refused = await expectUntouched(site, () => bootstrap(site, ['restore', saved]), 3);
    expect(refused.stderr).toContain('restore it with a release of 29.1.0');
  });

  it('leaves changed passwords and old tokens valid through another address, new keys and a restart', async () => {
    service = { machine, url: `http://${OTHER_ADDRESS}:5000/v3` };
    await install(site, ['--host', OTHER_ADDRESS]);
    await expectToServe(site);
    const staged = `${site.instance}/keys/fernet/0`;
    expect(await machine.execute(['touch', '-d', '2 days ago', staged])).toMatchObject({ exitCode: 0 });
    expect((await bootstrap(site, ['maintain'])).stdout).toContain('rotated the token keys');
    await expectToServe(site);
    expect(await bootstrap(site, ['restart'])).toMatchObject({ exitCode: 0 });
    await expectToServe(site);
  });

  it('does nothing when it is run again', async () => {
    // A proof that knows no valid password leaves another failed login in the database.
    await writeFile(path.join(machine.root, site.instance, 'admin-password'), `${data.password}\n`);
    expect((await expectUntouched(site, upgrade, 0)).stderr).toContain('nothing to change');
  });

  it('is refused to an older version, and the newer one keeps serving', async () => {
    const refused = await expectUntouched(site, () => bootstrap(old, ['upgrade', '--from', site.release]), 3);
    expect(refused.stderr).toContain('30.0.0 is newer than this release');
  });

  it('is undone by rollback: the old version serves, with the former data', async () => {
    await makeData(service, data.password, 'lost');
    service = { machine, url: `http://${ADDRESS}:5000/v3` };
    expect(await bootstrap(site, ['rollback'])).toMatchObject({ exitCode: 0 });
    await expectToServe(old);
    expect(await dumpDatabase(old)).not.toContain("'lost'");
    expect(await readReceipt(old)).toMatchObject({ ...UNKNOWN, version: '29.1.0' });
  });

  it('leaves an instance that --instance names where it is', async () => {
    const there = { ...siteAt(machine, site.release), instance: old.instance };
    expect(await upgrade('--instance', old.instance)).toMatchObject({ exitCode: 0 });
    await expectToServe(site);
    const back = await bootstrap(there, ['rollback', '--instance', there.instance]);
    expect(back).toMatchObject({ exitCode: 0 });
    await expectToServe(old);
  });

  /** All data, passwords and tokens are valid, and the running programs are the site's. */
  async function expectToServe({ release }: Site): Promise<void> {
    expect(await findLosses(service, data)).toEqual([]);
    const running = await machine.processes();
    const origins = running.map(({ program }) => path.dirname(path.dirname(program)));
    expect(new Set(origins.map((origin) => origin.replace(machine.root, '')))).toEqual(new Set([release]));
  }

  /** Expects this end of the command, no change, and no interruption. */
  async function expectUntouched(
    serving: Site,
    command: () => Promise<RunResult>,
    exitCode: number,
  ): Promise<RunResult> {
    const state = async (): Promise<unknown> => [await lastingState(old), await lastingState(site)];
    const before = await state();
    const result = await expectUninterrupted(command, exitCode);
    expect(await state()).toEqual(before);
    await expectToServe(serving);
    return result;
  }

  async function expectUninterrupted(
    command: () => Promise<RunResult>,
    exitCode: number,
  ): Promise<RunResult> {
    const request = { method: 'GET', url: service.url } as const;
    const { answers, result } = await sendMeanwhile(machine, request, () => command());
    expect(result).toMatchObject({ exitCode });
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    return result;
  }
});

type Receipt = Readonly<Record<string, unknown>>;

async function readReceipt({ machine, instance }: Site): Promise<Receipt> {
  return JSON.parse(await readFile(path.join(machine.root, instance, 'receipt.json'), 'utf8')) as Receipt;
}

async function changeReceipt(site: Site, change: (receipt: Receipt) => Receipt): Promise<void> {
  const changed = JSON.stringify(change(await readReceipt(site)));
  await writeFile(path.join(site.machine.root, site.instance, 'receipt.json'), changed);
}
