import { stat } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/io/process.ts';
import type { DebianSuite } from './support/debian-root.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, unpack } from './support/site.ts';
import { shell as runScript } from './support/succeed.ts';

/** The supported shells for bootstrap.sh and the files that it writes for shells. */
const SHELLS = [
  { shell: 'dash', argv: ['dash'] },
  { shell: 'bash', argv: ['bash', '--posix'] },
  { shell: 'busybox', argv: ['busybox', 'ash'] },
  { shell: 'mksh', argv: ['mksh'] },
  { shell: 'yash', argv: ['yash'] },
  { shell: 'ksh93', argv: ['ksh93'] },
] as const;

/** Somebody without rights of any kind. */
const USER = { name: 'alice', id: 1000 };
/** The installing account, and the id of the service's account. */
const ACCOUNTS = [
  { account: 'root', prefix: [], service: 65534 },
  {
    account: 'alice',
    prefix: [
      'setpriv',
      `--reuid=${USER.id}`,
      `--regid=${USER.id}`,
      '--clear-groups',
      'env',
      `HOME=/home/${USER.name}`,
    ],
    service: USER.id,
  },
] as const;

/**
 * `npm run test:exhaustive` has each account install under each shell in each suite, `npm test` each shell, each suite
 * and each account at least once.
 */
const ALWAYS: Readonly<Record<DebianSuite, readonly string[]>> = {
  bullseye: ['ksh93 root', 'dash alice'],
  bookworm: ['busybox root', 'yash alice'],
  trixie: ['mksh root', 'bash alice'],
  sid: ['dash root', 'busybox alice'],
};
const CASES = SHELLS.flatMap((shell) => ACCOUNTS.map((account) => ({ ...shell, ...account })));
/** Debian 13 came without yash. */
const has = (suite: DebianSuite, shell: string): boolean => suite !== 'trixie' || shell !== 'yash';
const CHOSEN = (['bullseye', 'bookworm', 'trixie', 'sid'] as const).map((suite) => ({
  suite,
  cases: CASES.filter(
    ({ shell, account }) =>
      has(suite, shell) && (exhaustive || ALWAYS[suite].includes(`${shell} ${account}`)),
  ),
}));

const lacking = await whyNoMachines();

describe.skipIf(lacking !== undefined).each(CHOSEN)(
  `shells of a host without a network${lacking === undefined ? '' : ` (${lacking})`}: Debian $suite`,
  ({ suite, cases }) => {
    let machine: Machine;
    let release: string;

    beforeAll(async () => {
      // The name of ksh93's package is newer than bullseye.
      const ksh93 = suite === 'bullseye' ? 'ksh' : 'ksh93u+m';
      const yash = has(suite, 'yash') ? ['yash'] : [];
      machine = await startMachine(suite, [ADDRESS], ['busybox-static', ksh93, 'mksh', ...yash]);
      const script = 'useradd --uid "$1" --create-home "$0"';
      await runScript(machine, script, USER.name, String(USER.id));
      ({ release } = await unpack(machine, '/opt'));
      return () => machine.destroy();
    });

    it.each(cases)('$shell as $account asks, installs, issues a token and stops', async (one) => {
      const parent = `/srv/${one.shell} of ${one.account}`;
      const instance = `${parent}/instance`;
      const owner = one.account;
      const made = await machine.execute(['install', '-d', '-o', owner, '-g', owner, parent]);
      expect(made).toMatchObject({ exitCode: 0 });
      const execute = (parameters: readonly string[], input = ''): Promise<RunResult> =>
        machine.execute([...one.prefix, ...one.argv, ...parameters], { input });
      const bootstrap = (...parameters: readonly string[]): Promise<RunResult> =>
        execute([`${release}/init/bootstrap.sh`, ...parameters, '--instance', instance]);

      const answers = `${parent}/answers`;
      const ask = [`${release}/init/bootstrap.sh`, 'ask', answers];
      const asked = await execute(ask, `${ADDRESS}\n.\n`);
      expect(asked, asked.stderr).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(answers) });

      const installed = await bootstrap('install', '--answers', answers);
      expect(installed, installed.stderr).toMatchObject({ exitCode: 0 });
      expect(installed.stdout).toContain(`http://${ADDRESS}:5000/v3`);
      const processes = await machine.processes();
      const owners = await Promise.all(processes.map(async ({ pid }) => (await stat(`/proc/${pid}`)).uid));
      expect(new Set(owners)).toEqual(new Set([one.service]));

      // The client is a script, too, and the host's sh may be any of these.
      const script = '. "$0/admin-openrc.sh" && exec "$@" token issue -f value -c id';
      const issued = await execute(['-c', script, instance, ...one.argv, `${release}/bin/openstack`]);
      expect(issued).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^gAAAA/) });

      expect(await bootstrap('stop')).toMatchObject({ exitCode: 0 });
      expect(await machine.processes()).toEqual([]);
    });
  },
);
