import path from 'node:path';
import { run, type RunResult } from '../../../src/io/process.ts';
import { pythonEnvironment } from '../python-environment.ts';

/** Runs a program of Ansible, at the version of requirements.txt, in the directory that `ksbundle ansible` wrote. */
export async function ansible(
  fleet: string,
  argv: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  const [program, ...parameters] = argv;
  const programs = await pythonEnvironment(path.join(import.meta.dirname, 'requirements.txt'));
  return run([path.join(programs, program), ...parameters], {
    directory: fleet,
    environment: {
      PATH: `${programs}:${process.env['PATH'] ?? ''}`,
      HOME: fleet,
      LANG: 'C.UTF-8',
      LC_ALL: 'C.UTF-8',
      ANSIBLE_NOCOLOR: '1',
      ...environment,
    },
  });
}
