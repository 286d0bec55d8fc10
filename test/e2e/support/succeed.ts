import type { ExecuteOptions, Machine } from './machine.ts';

/** Runs a command in the machine; returns what it prints, and throws if it fails. */
export async function succeed(
  machine: Machine,
  argv: readonly string[],
  options: ExecuteOptions = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await machine.execute(argv, options);
  if (exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${exitCode}: ${stderr}`);
  return stdout;
}

/** The same for a script, whose `$0` is the first parameter. */
export async function shell(
  machine: Machine,
  script: string,
  ...parameters: readonly string[]
): Promise<string> {
  return succeed(machine, ['sh', '-c', script, ...parameters]);
}
