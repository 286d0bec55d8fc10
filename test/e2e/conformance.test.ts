import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../src/io/files.ts';
import { pythonEnvironment } from '../support/python-environment.ts';
import { installOn, type DatabaseKind } from './support/keystone-on.ts';
import type { Machine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { ADDRESS, adminPassword } from './support/site.ts';

const lacking = exhaustive ? await whyNoMachines(['openssl']) : 'only in the exhaustive form';
/** Milliseconds: personas of all scopes are made for each of 500 tests. */
const HOURS = 7_200_000;
const DATABASES: readonly DatabaseKind[] = ['sqlite', 'mariadb', 'postgresql'];
/** Tempest's tests of the identity API, and those of Keystone's own plugin that need no identity provider. */
const TESTS = String.raw`^(tempest\.api\.identity|keystone_tempest_plugin)`;

/** Tempest reads this file from the directory `etc`, and writes only to its workspace. */
function configuration(workspace: string, password: string): string {
  return `[oslo_concurrency]
lock_path = ${workspace}/locks
[auth]
use_dynamic_credentials = true
admin_username = admin
admin_password = ${password}
admin_project_name = admin
admin_domain_name = Default
[identity]
uri_v3 = http://${ADDRESS}:5000/v3
auth_version = v3
region = RegionOne
default_domain_id = default
[identity-feature-enabled]
domain_specific_drivers = true
project_tags = true
application_credentials = true
access_rules = true
immutable_user_source = false
[enforce_scope]
keystone = true
[service_available]
cinder = false
neutron = false
glance = false
swift = false
nova = false
horizon = false
`;
}

describe.skipIf(lacking !== undefined).each(DATABASES)(
  `Keystone conforms to OpenStack's identity API: %s${lacking === undefined ? '' : ` (${lacking})`}`,
  (database) => {
    let machine: Machine;
    let workspace: string;

    beforeAll(async () => {
      const installed = await installOn(database);
      machine = installed.machine;
      workspace = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-tempest-'));
      await mkdir(path.join(workspace, 'etc'));
      const text = configuration(workspace, await adminPassword(installed.site));
      await writeFile(path.join(workspace, 'etc/tempest.conf'), text, { mode: 0o600 });
      return async () => {
        await machine.destroy();
        await removeTree(workspace);
      };
    });

    it.each([2, 8])('with %i clients at the same time', { timeout: HOURS }, async (clients) => {
      const programs = await pythonEnvironment(
        path.join(import.meta.dirname, 'support/tempest/requirements.txt'),
      );
      const tempest = ['run', '--concurrency', String(clients), '--regex', TESTS];
      // Stestr finds tests from its configuration, which is relative to the tests' package.
      const script = `cd "$0" && export TEMPEST_CONFIG_DIR="$0/etc" PATH="$1:$PATH" && shift &&
        packages=$(python3 -c 'import os, tempest; print(os.path.dirname(os.path.dirname(tempest.__file__)))') &&
        printf '[DEFAULT]\\ntest_path=%s/tempest/test_discover\\ntop_dir=%s\\n' "$packages" "$packages" >.stestr.conf &&
        printf 'group_regex=([^.]*[.])*\\n' >>.stestr.conf &&
        exec "$(command -v python3)" "$(command -v tempest)" "$@"`;
      const ran = await machine.executeInNetwork(['sh', '-c', script, workspace, programs, ...tempest], {
        timeout: HOURS,
      });
      expect(ran.stdout.match(/^.* \.\.\. FAILED$/gm) ?? []).toEqual([]);
      expect(ran).toMatchObject({ exitCode: 0 });
      // Skipped are those that need an identity provider or rules for passwords.
      expect(Number(/Passed: (\d+)/.exec(ran.stdout)?.[1])).toBeGreaterThanOrEqual(383);
    });
  },
);
