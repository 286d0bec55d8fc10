import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../../src/io/files.ts';
import { startMachine, type Machine } from '../support/machine.ts';
import { whyNoMachines } from '../support/requirements.ts';
import { ADDRESS, adminPassword, issueToken, openstack, unpack, type Site } from '../support/site.ts';
import { readTraces, straceInto, tracedOutput, type Opened } from '../support/trace.ts';

/** The host's part: the C library, its loader, the files that both read, and files of every system. */
const HOSTS_OWN = [
  /^(?:\/usr)?\/lib(?:64|\/x86_64-linux-gnu)\/(?:ld-linux-x86-64\.so\.2|ld-2\.\d+\.so)$/,
  /^(?:\/usr)?\/lib\/x86_64-linux-gnu\/lib(?:c|m|dl|pthread|rt|util|resolv|nss_(?:files|dns))(?:\.so\.\d+|-2\.\d+\.so)$/,
  // glibc: the loader's cache, locales, converters, the order of addresses.
  /^\/etc\/(?:ld\.so\.cache|gai\.conf|host\.conf)$/,
  /^\/usr\/lib\/(?:locale\/|x86_64-linux-gnu\/gconv\/gconv-modules\.cache$)/,
  /^\/etc\/(?:passwd|group|nsswitch\.conf|hosts|resolv\.conf|localtime|ssl(?:\/.*)?)$/,
  // Target of /etc/localtime.
  /^\/usr\/share\/zoneinfo\//,
  /^\/(?:proc|sys|dev)(?:\/|$)/,
];

/** The list of the host's units, to find the instance's. Without systemd, none of them is read here. */
const UNITS = '/etc/systemd/system';

const lacking = await whyNoMachines();

describe.skipIf(lacking !== undefined)(
  `the programs of the bundle, and what they use of the host${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machine: Machine;
    let site: Site;
    let directory: string;

    beforeAll(async () => {
      directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-traces-'));
      machine = await startMachine('bullseye', [ADDRESS]);
      site = await unpack(machine, '/srv/key stöne');
      return async () => {
        await machine.destroy();
        await removeTree(directory);
      };
    });

    const isOurs = (file: string): boolean => file.startsWith(`${site.release}/`);
    // Root opens them directory by directory, and reads nothing on the way. `/` appears as the root's path.
    const isOnTheWay = (file: string): boolean =>
      file === machine.root || [site.release, UNITS].some((end) => `${end}/`.startsWith(`${file}/`));
    const isAllowed = (file: string): boolean =>
      isOurs(file) || isOnTheWay(file) || HOSTS_OWN.some((pattern) => pattern.test(file));

    it('boots and issues a token under strace', async () => {
      for (const name of ['server', 'client']) await mkdir(path.join(directory, name));
      const script = `${site.release}/init/bootstrap.sh`;
      const wrapper = straceInto(path.join(directory, 'server'));
      const booted = await machine.execute([script, '--host', ADDRESS], { wrapper });
      expect(booted, await tracedOutput(path.join(directory, 'server'))).toMatchObject({ exitCode: 0 });
      await issueToken(machine, `http://${ADDRESS}:5000/v3`, await adminPassword(site));
      const client = straceInto(path.join(directory, 'client'));
      expect(await openstack(site, ['token', 'issue'], { wrapper: client })).toMatchObject({ exitCode: 0 });
    });

    it('maps only its own programs and libraries into its processes', async () => {
      const processes = await machine.processes();
      expect(new Set(processes.map(({ name }) => name))).toEqual(new Set(['httpd', 'memcached']));
      for (const { pid } of processes) {
        const maps = await readFile(`/proc/${pid}/maps`, 'utf8');
        const files = [...maps.matchAll(/^\S+ \S+ \S+ \S+ \S+ +(\/.*)$/gm)].map(([, file = '']) =>
          file.replace(machine.root, '').replace(/ \(deleted\)$/, ''),
        );
        expect(files.filter(isOurs).length).toBeGreaterThan(0);
        expect(files.filter((file) => !isAllowed(file))).toEqual([]);
      }
    });

    it('opens and runs no other files, from the first start to the last stop', async () => {
      await machine.execute([`${site.release}/init/bootstrap.sh`, 'stop']);
      await expect.poll(() => machine.processes(), { timeout: 30_000 }).toEqual([]);
      const opened = [
        ...(await readTraces(path.join(directory, 'server'), machine.root)),
        ...(await readTraces(path.join(directory, 'client'), machine.root)),
      ];
      const ours = opened.filter(({ program }) => isOurs(program));
      // A test that traced nothing must not pass.
      for (const program of ['httpd', 'memcached', 'python3']) {
        expect(ours.map((entry) => path.basename(entry.program))).toContain(program);
      }
      expect(ours.map(({ file }) => file)).toContain(`${site.instance}/etc/keystone.conf`);
      expect(ours.filter(({ file }) => !isAllowed(file)).map(describeOpened)).toEqual([]);
    });
  },
);

function describeOpened({ program, file }: Opened): string {
  return `${path.basename(program)}: ${file}`;
}
