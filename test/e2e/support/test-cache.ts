import os from 'node:os';
import path from 'node:path';

/** Directory that outlives a test run and holds what is slow to make and never changes. */
export function testCache(): string {
  const { KSBUNDLE_TEST_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  if (own !== undefined && own !== '') return path.resolve(own);
  return path.join(
    shared === undefined || shared === '' ? path.join(os.homedir(), '.cache') : shared,
    'ksbundle-test',
  );
}
