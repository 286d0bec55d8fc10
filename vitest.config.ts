import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const MINUTE = 60_000;

/** Common options of end-to-end tests, which build, boot and load the real bundle. */
const REAL = {
  globalSetup: ['test/e2e/support/global-setup.ts'],
  setupFiles: ['test/e2e/support/processor-time.ts'],
  testTimeout: 30 * MINUTE,
  hookTimeout: 60 * MINUTE,
};

/** End-to-end tests that take minutes. They start first, so that none outlasts all others. */
const LONGEST = [
  'vm',
  'hostile-account',
  'hostile-database',
  'kill',
  'disk-full',
  'external-databases',
  'mixed-load',
  'database-upgrade',
  'migrate-database',
  'identity-rules',
  'directories',
  'postgresql',
  'shells',
].map((name) => `/test/e2e/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return index === -1 ? LONGEST.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          maxWorkers: '100%',
          // Five seconds, the default, are too short on a busy host.
          testTimeout: MINUTE,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          maxWorkers: '100%',
          testTimeout: 2 * MINUTE,
          hookTimeout: 2 * MINUTE,
        },
      },
      {
        test: {
          ...REAL,
          name: 'e2e',
          include: ['test/e2e/*.test.ts'],
          // Any three at a time, each with its own machines; none measures time. Each waits half of its time, so three
          // keep two processors busy.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...REAL,
          name: 'e2e-alone',
          include: ['test/e2e/alone/*.test.ts'],
          // One at a time, after all others: measurements need an idle host, and strace must not slow the release
          // beyond its limits.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      { test: { ...REAL, name: 'bench', include: ['bench/machines/*.bench.ts'] } },
    ],
  },
});
