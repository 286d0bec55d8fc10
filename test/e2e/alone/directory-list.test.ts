import { beforeAll, describe, expect, it } from 'vitest';
import { LDAPS, PEOPLE, reader, startDirectoryMachine, SUFFIX } from '../support/directory-server.ts';
import { send, type HttpAnswer } from '../support/http.ts';
import type { Machine } from '../support/machine.ts';
import { whyNoMachines } from '../support/requirements.ts';
import { AUTHORITY, PASSWORD_FILE } from '../support/server-secrets.ts';
import { ADDRESS, adminPassword, install, issueToken, unpack } from '../support/site.ts';

const lacking = await whyNoMachines(['openssl']);
const URL = `http://${ADDRESS}:5000/v3`;

/** Milliseconds for a list of all people that Keystone has seen, and for the first one, in which each gets an identifier. */
const LIST = 2000;
const FIRST_LIST = 20_000;

describe.skipIf(lacking !== undefined)(
  `Ten thousand users of an LDAP directory${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
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

    it('are listed in two seconds', async () => {
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
      process.stderr.write(`lists of ${PEOPLE} users took ${times.map(Math.round).join(', ')} ms\n`);
      expect(times[0]).toBeLessThan(FIRST_LIST);
      expect(Math.min(...times.slice(1))).toBeLessThan(LIST);
    });
  },
);
