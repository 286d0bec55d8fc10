import { beforeAll, describe, expect, it } from 'vitest';
import {
  LDAPS,
  PEOPLE,
  reader,
  startDirectoryMachine,
  SUFFIX,
} from '../../test/e2e/support/directory-server.ts';
import { send, type HttpAnswer } from '../../test/e2e/support/http.ts';
import type { Machine } from '../../test/e2e/support/machine.ts';
import { whyNoMachines } from '../../test/e2e/support/requirements.ts';
import { AUTHORITY, PASSWORD_FILE } from '../../test/e2e/support/server-secrets.ts';
import { ADDRESS, adminPassword, install, issueToken, unpack } from '../../test/e2e/support/site.ts';
import { report } from './report.ts';

const lacking = await whyNoMachines(['openssl']);
if (lacking !== undefined) throw new Error(lacking);
const URL = `http://${ADDRESS}:5000/v3`;

describe('Ten thousand users of an LDAP directory', () => {
  let machine: Machine;
  let token: string;

  beforeAll(async () => {
    ({ machine } = await startDirectoryMachine([ADDRESS]));
    const site = await unpack(machine, '/srv');
    await install(site, [
      `--host=${ADDRESS}`,
      `--ldap-url=${LDAPS}`,
      `--ldap-bind-dn=${reader(SUFFIX)}`,
      `--ldap-password-file=${PASSWORD_FILE}`,
      `--ldap-ca=${AUTHORITY}`,
      `--ldap-suffix=${SUFFIX}`,
    ]);
    token = await issueToken(machine, URL, await adminPassword(site));
    return () => machine.destroy();
  });

  async function ask(path: string): Promise<HttpAnswer> {
    return send(machine, { method: 'GET', url: `${URL}${path}`, headers: { 'x-auth-token': token } });
  }

  it('are listed', async () => {
    const { domains } = JSON.parse((await ask('/domains?name=ldap')).body ?? '') as {
      readonly domains: readonly { readonly id: string }[];
    };
    const times: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) {
      const listed = await ask(`/users?domain_id=${domains[0]?.id}`);
      expect(listed.status, listed.body?.slice(0, 200)).toBe(200);
      expect((JSON.parse(listed.body ?? '') as { readonly users: readonly object[] }).users).toHaveLength(
        PEOPLE,
      );
      times.push(listed.milliseconds);
    }
    // The first list gives each user an identifier.
    const [first, ...later] = times.map((milliseconds) => milliseconds / 1000);
    report([
      { name: `first list of ${PEOPLE} users of a directory`, seconds: [first] },
      { name: `another list of ${PEOPLE} users of a directory`, seconds: later, goal: 2 },
    ]);
  });
});
