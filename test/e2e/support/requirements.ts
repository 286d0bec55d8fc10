import { run } from '../../../src/io/process.ts';

/** Whether to run the long tests: `npm run test:exhaustive`. */
export const exhaustive = process.env['KSBUNDLE_TEST_EXHAUSTIVE'] === '1';

const PROGRAMS = ['debootstrap', 'ip', 'mount', 'nsenter', 'unshare'];

/**
 * Why test machines cannot be made here (see machine.ts), for the report of skipped tests; undefined if they can.
 * `programs` are needed in addition to those of all machines.
 */
export async function whyNoMachines(programs: readonly string[] = []): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'this needs root';
  const missing: string[] = [];
  for (const program of [...PROGRAMS, ...programs]) {
    const found = await run(['sh', '-c', 'command -v "$0"', program]);
    if (found.exitCode !== 0) missing.push(program);
  }
  if (missing.length > 0) return `this needs ${missing.join(', ')}`;
  const namespaces = await run(['unshare', '--net', '--mount', '--pid', '--fork', 'true']);
  return namespaces.exitCode === 0 ? undefined : `the kernel grants no namespaces (${namespaces.stderr})`;
}
