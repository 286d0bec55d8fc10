import { run } from '../io/process.ts';

/**
 * The program, with its parameters, that runs another one without a network; empty where the kernel grants no network
 * namespace. Root makes one directly, others through a user namespace.
 */
export async function findNetworkIsolation(): Promise<readonly string[]> {
  const flags = process.getuid?.() === 0 ? ['-n'] : ['-r', '-n'];
  const probe = await run(['unshare', ...flags, 'true']);
  if (probe.exitCode !== 0) return [];
  const { stdout } = await run(['sh', '-c', 'command -v unshare']);
  return [stdout, ...flags];
}
