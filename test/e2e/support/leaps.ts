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

/** Sets the machine's clock far back and far ahead while the service runs, and corrects it after each. */
export async function surviveLeaps(service: Service): Promise<void> {
  const { vm, units } = service;
  // Runs maintenance at the moment when the clock passes an hour.
  const dropIn = `/etc/systemd/system/${units}-maintain.timer.d`;
  await vm.execute(
    `mkdir ${dropIn} && printf '[Timer]\\n%s\\n' RandomizedDelaySec=0 AccuracySec=1us >${dropIn}/now.conf
    systemctl daemon-reload`,
  );
  const maintain = async (): Promise<string> => {
    await vm.execute(`systemctl start ${units}-maintain.service`);
    return (await vm.execute(`ls -v "${service.release}/instance/keys/fernet" | xargs`)).stdout;
  };
  const keys = await maintain();
  const { token: usual } = await logIn(service);

  const right = await clockOf(vm);
  await setClock(vm, '2009-01-01 00:10 UTC');
  const refused = await bootstrap(service, 'install');
  expect(refused.exitCode, refused.stderr).toBe(3);
  expect(refused.stderr).toContain('the clock says 2009-01-01');
  const lost = await bootstrap(service, 'status');
  expect(lost.exitCode, lost.stderr).toBe(8);
  expect(lost.stderr.match(/^error: .*/gm)).toEqual(['error: the clock says 2009-01-01']);
  const early = await logIn(service, usual);
  expect(early.validated).toEqual([200]);

  await setClock(vm, right);
  expect((await logIn(service, usual, early.token)).validated).toEqual([200, 404]);
  expect(await maintain()).toBe(keys);

  await setClock(vm, '2049-01-01 00:10 UTC');
  const ahead = await maintain();
  expect(ahead).not.toBe(keys);
  const late = await logIn(service, usual);
  expect(late.validated).toEqual([404]);

  await setClock(vm, right);
  expect(await maintain(), 'a key from the future is rotated').not.toBe(ahead);
  const rotated = await maintain();
  expect(await maintain()).toBe(rotated);
  // Keystone asks for a token's end alone.
  expect((await logIn(service, usual, late.token)).validated).toEqual([200, 200]);
  const again = await bootstrap(service, 'install');
  expect(again.exitCode, again.stderr).toBe(0);
  expect(again.stderr).toContain('nothing to change');
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
