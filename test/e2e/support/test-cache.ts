import os from 'node:os';
import path from 'node:path';

/** Directory for constant files that are slow to make; it outlives a test run. */
export function testCache(): string {
  const { KSBUNDLE_TEST_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  if (own !== undefined && own !== '') return path.resolve(own);
  return path.join(
    shared === undefined || shared === '' ? path.join(os.homedir(), '.cache') : shared,
    'ksbundle-test',
  );
}
