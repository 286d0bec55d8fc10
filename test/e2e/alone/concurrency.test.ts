import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sendAll, type HttpAnswer, type HttpRequest } from '../support/http.ts';
import { startMachine, type Machine } from '../support/machine.ts';
import { whyNoMachines } from '../support/requirements.ts';
import {
  ADDRESS,
  adminPassword,
  bootstrap,
  install,
  issueToken,
  passwordLogin,
  unpack,
  type Site,
} from '../support/site.ts';

const URL = `http://${ADDRESS}:5000/v3`;
const CONNECTIONS = 20;
const SECONDS = 15;
const lacking = await whyNoMachines();

describe.skipIf(lacking !== undefined)(
  `a service under load, on SQLite${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let password: string;

    beforeAll(async () => {
      machine = await startMachine('bullseye', [ADDRESS]);
      site = await unpack(machine, '/srv');
      await install(site, ['--host', ADDRESS]);
      password = await adminPassword(site);
      return () => machine.destroy();
    });

    /** Requests, every second one with a wrong password. */
    const logins = (count: number): HttpRequest[] =>
      Array.from({ length: count }, (_, index) => ({
        method: 'POST',
        url: `${URL}/auth/tokens`,
        headers: { 'content-type': 'application/json' },
        body: passwordLogin(index % 2 === 0 ? password : 'wrong'),
      }));

    /** Unexpected answers. */
    const amiss = (answers: readonly HttpAnswer[]): HttpAnswer[] =>
      answers.filter(({ request, status }) => status !== (request % 2 === 0 ? 201 : 401));

    it(`answers every request of ${CONNECTIONS} connections at once for ${SECONDS} s, half of them with a wrong password`, async () => {
      const answers = await sendAll(machine, logins(CONNECTIONS), SECONDS);
      expect(amiss(answers)).toEqual([]);
      expect(answers.length).toBeGreaterThanOrEqual(CONNECTIONS * 2);
    });

    it('only gets slower when memcached is killed', async () => {
      const caches = (await machine.processes()).filter(({ name }) => name === 'memcached');
      expect(caches).toHaveLength(1);
      for (const { pid } of caches) process.kill(pid, 'SIGKILL');
      const token = await issueToken(machine, URL, password);
      const headers = { 'x-auth-token': token, 'x-subject-token': token };
      const validation: HttpRequest = { method: 'GET', url: `${URL}/auth/tokens`, headers };
      const validated = await sendAll(
        machine,
        Array.from({ length: CONNECTIONS }, () => validation),
      );
      expect(validated.map(({ status }) => status)).toEqual(Array.from({ length: CONNECTIONS }, () => 200));
      expect(amiss(await sendAll(machine, logins(4)))).toEqual([]);
      await install(site, ['--host', ADDRESS]);
      expect((await machine.processes()).filter(({ name }) => name === 'memcached')).toHaveLength(1);
    });

    const httpd = (...parameters: string[]): Promise<{ readonly exitCode: number | undefined }> =>
      machine.execute([
        'sh',
        '-c',
        'cd "$1/run" && release=$0 instance=$1 && shift && exec "$release/bin/httpd" -d "$release" -f "$instance/etc/httpd.conf" "$@"',
        site.release,
        site.instance,
        ...parameters,
      ]);

    it('accepts its configuration, restarts gracefully under load and stops, each with exit code 0', async () => {
      expect(await httpd('-t')).toMatchObject({ exitCode: 0 });
      const load = sendAll(machine, logins(4), 3);
      expect(await httpd('-k', 'graceful')).toMatchObject({ exitCode: 0 });
      // mod_wsgi's daemons end with the generation of httpd that started them; waiting requests then fail.
      const answered = (await load).filter(({ status }) => status !== 502);
      expect(amiss(answered)).toEqual([]);
      expect(amiss(await sendAll(machine, logins(4)))).toEqual([]);
      expect(await bootstrap(site, ['stop'])).toMatchObject({ exitCode: 0 });
      expect(await machine.processes()).toEqual([]);
    });

    it('has logged no crash', async () => {
      const log = path.join(machine.root, site.instance, 'log');
      const names = (await readdir(log, { recursive: true })).filter((name) => name.endsWith('.log'));
      expect(names).toContain('httpd-error.log');
      const crash = /segmentation fault|exit signal|segfault|database is locked|Traceback/i;
      const crashed: string[] = [];
      for (const name of names) {
        const lines = (await readFile(path.join(log, name), 'utf8')).split('\n');
        crashed.push(...lines.filter((line) => crash.test(line)).map((line) => `${name}: ${line}`));
      }
      expect(crashed).toEqual([]);
    });
  },
);
