import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Seconds that a test file's process took, and all processes that it started and that have ended. */
    processorTime?: number;
  }
}

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Seconds of this process and of those that it has waited for, and so on: see proc_pid_stat(5). */
function processorTime(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // From the third field on: the second, in parentheses, may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
  return ((user ?? 0) + (system ?? 0) + (childrenUser ?? 0) + (childrenSystem ?? 0)) / TICKS;
}

const before = processorTime();

// A setup file's hook is the last to run. Vitest requires a pattern as its first parameter.
// oxlint-disable-next-line no-empty-pattern
afterAll(({}, file) => {
  file.meta.processorTime = processorTime() - before;
});
