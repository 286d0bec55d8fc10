import { expect } from 'vitest';
import { passwordLogin } from './site.ts';
import type { ScriptResult, VirtualMachine } from './virtual-machine.ts';

/** A release in a virtual machine whose instance systemd runs, on the default port. */
export interface Service {
  readonly vm: VirtualMachine;
  readonly release: string;
  /** Prefix of its units' names. */
  readonly units: string;
}

/** Issues and prints a token, and prints the status of each token in its arguments: 200 or 404. */
const CLIENT = `
import sys, urllib.error, urllib.request

def ask(data=None, **headers):
    request = urllib.request.Request("http://127.0.0.1:5000/v3/auth/tokens", data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers["X-Subject-Token"]
    except urllib.error.HTTPError as error:
        return error.code, ""

_, token = ask(sys.stdin.buffer.read(), **{"Content-Type": "application/json"})
print(token)
for other in sys.argv[1:]:
    print(ask(**{"X-Auth-Token": token, "X-Subject-Token": other})[0])
`;

/** Checks what a service's clients see of the time, at these moments in this order. */
export interface Witness {
  /** Before the clock leaps. */
  readonly before: () => Promise<void>;
  /** While it is sixteen years or more behind. */
  readonly behind: () => Promise<void>;
  /** When it was corrected. */
  readonly corrected: () => Promise<void>;
  /** While it is twenty years or more ahead. */
  readonly ahead: () => Promise<void>;
  /** When it was corrected again. */
  readonly after: () => Promise<void>;
}

/** Sets the machine's clock far back and far ahead while the service runs, and corrects it after each. */
export async function surviveLeaps(service: Service, witness?: Witness): Promise<void> {
  const { vm } = service;
  await witness?.before();

  const right = await clockOf(vm);
  await setClock(vm, '2009-01-01 00:10 UTC');
  const refused = await bootstrap(service, 'install');
  expect(refused.exitCode, refused.stderr).toBe(3);
  expect(refused.stderr).toContain('the clock says 2009-01-01');
  const lost = await bootstrap(service, 'status');
  expect(lost.exitCode, lost.stderr).toBe(8);
  expect(lost.stderr.match(/^error: .*/gm)).toEqual(['error: the clock says 2009-01-01']);
  await witness?.behind();

  await setClock(vm, right);
  await witness?.corrected();

  await setClock(vm, '2049-01-01 00:10 UTC');
  await maintain(service);
  await witness?.ahead();

  await setClock(vm, right);
  await maintain(service);
  await witness?.after();
  const again = await bootstrap(service, 'install');
  expect(again.exitCode, again.stderr).toBe(0);
  expect(again.stderr).toContain('nothing to change');
}

/** Runs maintenance, which must succeed. */
async function maintain({ vm, units }: Service): Promise<void> {
  const { exitCode, stderr } = await vm.execute(`systemctl start ${units}-maintain.service`);
  expect(exitCode, stderr).toBe(0);
}

/** Keystone's tokens, and the keys that encrypt them. */
export function keystoneWitness(service: Service): Witness {
  const { vm, units } = service;
  const rotate = async (): Promise<string> => {
    await maintain(service);
    return (await vm.execute(`ls -v "${service.release}/instance/keys/fernet" | xargs`)).stdout;
  };
  let usual = '';
  let early = '';
  let late = '';
  let keys = '';
  let keysAhead = '';
  return {
    before: async () => {
      // Runs maintenance at the moment when the clock passes an hour.
      const dropIn = `/etc/systemd/system/${units}-maintain.timer.d`;
      await vm.execute(
        `mkdir ${dropIn} && printf '[Timer]\n%s\n' RandomizedDelaySec=0 AccuracySec=1us >${dropIn}/now.conf
        systemctl daemon-reload`,
      );
      keys = await rotate();
      usual = (await logIn(service)).token;
    },
    behind: async () => {
      const seen = await logIn(service, usual);
      expect(seen.validated).toEqual([200]);
      early = seen.token;
    },
    corrected: async () => {
      expect((await logIn(service, usual, early)).validated).toEqual([200, 404]);
      expect(await rotate()).toBe(keys);
    },
    ahead: async () => {
      keysAhead = await rotate();
      expect(keysAhead).not.toBe(keys);
      const seen = await logIn(service, usual);
      expect(seen.validated).toEqual([404]);
      late = seen.token;
    },
    after: async () => {
      const rotated = await rotate();
      expect(rotated, 'a key from the future is rotated').not.toBe(keysAhead);
      expect(await rotate()).toBe(rotated);
      // Keystone asks for a token's end alone.
      expect((await logIn(service, usual, late)).validated).toEqual([200, 200]);
    },
  };
}

export async function bootstrap(
  { vm, release }: Pick<Service, 'vm' | 'release'>,
  command: string,
): Promise<ScriptResult> {
  return vm.execute(`"${release}/init/bootstrap.sh" ${command}`);
}

/** A new token, and the statuses of others. */
export async function logIn(
  { vm, release }: Pick<Service, 'vm' | 'release'>,
  ...others: readonly string[]
): Promise<{ readonly token: string; readonly validated: readonly number[] }> {
  const password = await vm.execute(`cat "${release}/instance/admin-password"`);
  const answered = await vm.execute(
    `printf %s '${passwordLogin(password.stdout.trim())}' | "${release}/bin/python3" -I -B -c '${CLIENT}' ${others.join(' ')}`,
  );
  expect(answered.exitCode, answered.stderr).toBe(0);
  const [token = '', ...validated] = answered.stdout.trim().split('\n');
  expect(token).not.toBe('');
  return { token, validated: validated.map(Number) };
}

/** A moment in words for `setClock`. */
export async function clockOf(vm: VirtualMachine): Promise<string> {
  return (await vm.execute('date +@%s')).stdout.trim();
}

/** `moment` in words for date(1). */
export async function setClock(vm: VirtualMachine, moment: string): Promise<void> {
  const { exitCode, stderr } = await vm.execute(`date -s '${moment}'`);
  expect(exitCode, stderr).toBe(0);
}
