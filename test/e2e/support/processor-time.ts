import { afterAll } from 'vitest';
import { processorTime } from './process-usage.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** Seconds that a test file's process took, and all processes that it started and that have ended. */
    processorTime?: number;
  }
}

function total(): number {
  const { own, children } = processorTime('self');
  return own + children;
}

const before = total();

// A setup file's hook is the last to run. Vitest requires a pattern as its first parameter.
// oxlint-disable-next-line no-empty-pattern
afterAll(({}, file) => {
  file.meta.processorTime = total() - before;
});
