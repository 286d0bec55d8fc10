import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** Starts a process of Node that runs `script` as a module, with readable output. */
export function startScript(script: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Waits until the process prints something. */
export async function firstWord(child: ChildProcess): Promise<void> {
  if (child.stdout !== null) await once(child.stdout, 'data');
}

/** Kills the process, like a power cut. */
export async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}
