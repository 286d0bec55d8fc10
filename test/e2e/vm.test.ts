import { mkdtemp, rename } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../../src/io/files.ts';
import { releaseName, tarball } from './support/bundle.ts';
import {
  bootstrap as bootstrapAlone,
  clockOf,
  keystoneWitness,
  logIn,
  setClock,
  surviveLeaps,
  type Service,
  type Witness,
} from './support/leaps.ts';
import { startMachine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { bootstrap, install, unpack } from './support/site.ts';
import { KEYSTONE, NOTES, type TestedBundle } from './support/tested-bundle.ts';
import { virtualMachineImage } from './support/virtual-machine-image.ts';
import { PAYLOAD, startVirtualMachine, type VirtualMachine } from './support/virtual-machine.ts';

const lacking = await whyNoMachines(['mke2fs', 'qemu-system-x86_64', 'setpriv']);

/** Milliseconds: on a busy host, the emulation takes a quarter of an hour. */
const EMULATED = 3_600_000;

interface Guest {
  readonly bundle: TestedBundle;
  /** Part of bootstrap's output when it serves. */
  readonly proven: string;
  /** One of its daemons, which is to exceed its bounds. */
  readonly daemon: string;
  readonly witness?: (service: Service) => Witness;
}

const GUESTS: readonly Guest[] = [
  { bundle: NOTES, proven: 'GET /health', daemon: 'httpd' },
  {
    bundle: KEYSTONE,
    proven: 'token issued and validated',
    daemon: 'memcached',
    witness: keystoneWitness,
  },
];

interface Guard {
  readonly name: string;
  readonly kernelParameters: readonly string[];
  /** Tries a forbidden action, and prints `forbidden`. */
  readonly control: string;
  /** The kernel's log of denials. */
  readonly denial: RegExp;
  /** Shell commands that bootstrap prints for it. */
  readonly command: RegExp;
  /** If there are such commands. */
  readonly advice?: {
    readonly commands: number;
    /** Each denial of a start without them. */
    readonly denial: RegExp;
  };
  /** Prints files whose label differs from the guard's rules; its argument is a directory. */
  readonly check: string;
  /** The label of the service's processes. */
  readonly label: string;
}

const SELINUX: Guard = {
  name: 'SELinux',
  kernelParameters: ['security=selinux', 'selinux=1', 'enforcing=1'],
  // A confined domain that an administrator's shell may not enter in this way.
  control: 'runcon -t ping_t -- cat /etc/hostname >/dev/null 2>&1 || echo forbidden',
  denial: /avc: +denied +.*/g,
  command: /^ *(?:\| )?((?:semanage|restorecon) .*)$/gm,
  advice: {
    commands: 6,
    // For systemd, files with the label of the unpacking directory.
    denial: /\{ execute \} .* scontext=system_u:system_r:init_t:s0 .* tclass=file/,
  },
  check: 'restorecon -Rnv',
  // Not systemd's own, but that of services unknown to the policy.
  label: 'system_u:system_r:initrc_t:s0',
};
const APPARMOR: Guard = {
  name: 'AppArmor',
  kernelParameters: ['security=apparmor', 'apparmor=1'],
  // A profile forbids and logs everything that it does not name.
  control: `printf '%s\\n' 'profile control { /usr/** mrix, /etc/ld.so.cache r, }' | apparmor_parser --add
    aa-exec -p control -- cat /etc/hostname >/dev/null 2>&1 || echo forbidden`,
  denial: /apparmor="DENIED" .*/g,
  command: /^ *(?:\| )?((?:aa-|apparmor_).*)$/gm,
  check: ':',
  label: 'unconfined',
};

/**
 * `npm run test:exhaustive` tries all. Otherwise a small bundle, and the guard that denies something before its advice
 * is followed: in emulation, Keystone takes ten minutes of processor time.
 */
const PLACES = exhaustive ? ['/home', '/opt', '/srv'] : ['/srv'];
const GUARDS = exhaustive ? [SELINUX, APPARMOR] : [SELINUX];
const TRIED = (exhaustive ? GUESTS : GUESTS.slice(0, 1)).flatMap((guest) =>
  PLACES.map((place) => ({ name: guest.bundle.name, guest, place })),
);

describe.skipIf(lacking !== undefined)(
  `a virtual machine with a guard${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    beforeAll(virtualMachineImage);

    describe.each(TRIED)('and a release of $name in $place', ({ guest, place }) => {
      const units = `ksbundle-${guest.bundle.name}`;
      let payload: string;
      let release: string;

      beforeAll(async () => {
        const { present } = await guest.bundle.tarballs();
        release = path.join(place, releaseName(present));
        const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-payload-'));
        payload = path.join(directory, 'release.tar');
        await packInstalled(guest.bundle, place, payload);
        return () => removeTree(directory);
      });

      it.concurrent.each(GUARDS)(
        '$name: serves through systemd, within bounds, while the clock leaps',
        { timeout: EMULATED },
        async (guard) => {
          const vm = await startVirtualMachine({ kernelParameters: guard.kernelParameters, payload });
          try {
            let before = (await vm.kernelLog()).length;
            expect((await vm.execute(guard.control)).stdout).toBe('forbidden\n');
            expect(await denials(vm, guard, before)).not.toEqual([]);

            await succeed(vm, `tar -xf ${PAYLOAD} -C /`);
            const service = { vm, release, units };
            await followAdvice(service, guard);
            before = (await vm.kernelLog()).length;
            const told = await bootstrapIn(service);
            expect(told).toContain(guest.proven);
            expect(commandsIn(told, guard)).toEqual([]);
            await succeed(vm, `systemctl start ${units}-maintain.service`);
            expect(await labels(service)).toEqual(new Set([guard.label]));
            expect(await succeed(vm, `${guard.check} "${release}"`)).toBe('');
            await exceedBounds(service, `${units}-${guest.daemon}.service`);
            await surviveLeaps(service, guest.witness?.(service));
            expect(await denials(vm, guard, before)).toEqual([]);
          } finally {
            await vm.destroy();
          }
        },
      );
    });

    it.runIf(exhaustive)('an install by a clock that is ahead is named when that is set right', async () => {
      const vm = await startVirtualMachine({ kernelParameters: [], payload: tarball() });
      const service = { vm, release: path.join('/srv', releaseName()) };
      try {
        // By hand: at boot, systemd itself corrects a clock that is so far ahead.
        const right = await clockOf(vm);
        await setClock(vm, '2049-01-01 UTC');
        await succeed(vm, `gzip -dc <${PAYLOAD} | tar -xf - -C /srv`);
        const installed = await bootstrapAlone(service, 'install');
        expect(installed.exitCode, installed.stderr).toBe(0);
        expect(installed.stderr).toContain(
          'warning: the clock says 2049-01-01, long after this release was made',
        );
        const { token } = await logIn(service);
        await setClock(vm, right);
        for (const command of ['status', 'verify']) {
          const { exitCode, stderr } = await bootstrapAlone(service, command);
          expect([exitCode, stderr.match(/^error: .*/gm)]).toEqual([
            8,
            ['error: the instance was made at a time in the future'],
          ]);
        }
        const again = await bootstrapAlone(service, 'install');
        expect([again.exitCode, again.stderr]).toEqual([0, expect.stringContaining('nothing to change')]);
        expect(again.stderr).toContain('warning: the instance was made at a time in the future');
        expect((await logIn(service, token)).validated).toEqual([200]);
        await setClock(vm, '2049-01-02 UTC');
        const then = await bootstrapAlone(service, 'status');
        expect(then.exitCode, then.stderr).toBe(0);
      } finally {
        await vm.destroy();
      }
    });
  },
);

/**
 * An archive of a release in this directory, with a stopped instance. Slow work unrelated to a guard, mainly creating
 * the database, is done here, not on the emulated processor.
 */
async function packInstalled(bundle: TestedBundle, place: string, archive: string): Promise<void> {
  const machine = await startMachine('bookworm', []);
  try {
    const { present } = await bundle.tarballs();
    const site = await unpack(machine, place, { from: present });
    await install(site, ['--create-user', '--host', '127.0.0.1', '--processes', '1']);
    const stopped = await bootstrap(site, ['stop']);
    expect(stopped.exitCode, stopped.stderr).toBe(0);
    // By the machine's tar: the service's account has another id in a virtual machine.
    const file = '/var/tmp/release.tar';
    const packed = await machine.execute(['tar', '-cf', file, '-C', '/', site.release.slice(1)]);
    expect(packed.exitCode, packed.stderr).toBe(0);
    await rename(path.join(machine.root, file), archive);
  } finally {
    await machine.destroy();
  }
}

/** Expects the service to be denied, and follows bootstrap's advice verbatim. */
async function followAdvice(service: Service, guard: Guard): Promise<void> {
  const { advice } = guard;
  if (advice === undefined) return;
  const { vm, release } = service;
  const before = (await vm.kernelLog()).length;
  const commands = commandsIn(await bootstrapIn(service), guard);
  expect(commands).toHaveLength(advice.commands);
  const nextSteps = await succeed(vm, `cat "${release}/instance/NEXT-STEPS"`);
  expect(commandsIn(nextSteps, guard)).toEqual(commands);
  const denied = await denials(vm, guard, before);
  expect(denied).not.toEqual([]);
  for (const denial of denied) expect(denial).toMatch(advice.denial);
  for (const command of commands) await succeed(vm, command);
}

/** Hands the service to systemd; returns bootstrap's output, even if the start failed. */
async function bootstrapIn({ vm, release }: Service): Promise<string> {
  return (await vm.execute(`"${release}/init/bootstrap.sh" --service systemd 2>&1`)).stdout;
}

/** Those for the guard that bootstrap printed, each once. */
function commandsIn(told: string, { command }: Guard): string[] {
  return [...new Set([...told.matchAll(command)].map(([, text = '']) => text))];
}

/** Starts threads until that is refused. */
const THREADS = `
import threading
stop = threading.Event()
while True:
    threading.Thread(target=stop.wait, daemon=True).start()
`;

/** In a daemon's unit: more threads are refused, a process that takes more memory is killed, the daemon continues. */
async function exceedBounds({ vm, release }: Service, unit: string): Promise<void> {
  const cgroup = `/sys/fs/cgroup/system.slice/${unit}/cgroup.procs`;
  const inside = `sh -c 'echo $$ >${cgroup}; exec "$@"' -`;
  const properties = `systemctl show --property MainPID,NRestarts,ActiveState ${unit}`;
  const before = await succeed(vm, properties);
  expect(before).toContain('ActiveState=active');
  const crowded = await vm.execute(`${inside} "${release}/bin/python3" -I -c '${THREADS}'`);
  expect(crowded.stderr).toContain("can't start new thread");
  const filled = await vm.execute(`${inside} tail /dev/zero`);
  expect(filled.exitCode, filled.stderr).toBe(137);
  expect(await succeed(vm, properties)).toBe(before);
}

/** Of the service's processes. */
async function labels({ vm, units }: Service): Promise<ReadonlySet<string>> {
  const processes = `cat /sys/fs/cgroup/system.slice/${units}-*.service/cgroup.procs`;
  const listed = await succeed(
    vm,
    `for pid in $(${processes}); do tr -d '\\0\\n' </proc/$pid/attr/current; echo; done`,
  );
  return new Set(listed.trim().split('\n'));
}

async function succeed(vm: VirtualMachine, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await vm.execute(script);
  if (exitCode === 0) return stdout;
  const words = `${stdout}\n${stderr}\n${(await vm.kernelLog()).slice(-4000)}`;
  throw new Error(`${script}\nended with ${exitCode}:\n${words}`);
}

/** Denials since this length of the log. Throws if the kernel dropped messages. */
async function denials(vm: VirtualMachine, { denial }: Guard, since: number): Promise<string[]> {
  const words = (await vm.kernelLog()).slice(since);
  expect(words).not.toMatch(/callbacks suppressed|audit_lost=[1-9]/);
  return words.match(denial) ?? [];
}
