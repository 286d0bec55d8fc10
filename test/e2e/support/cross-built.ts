import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { once } from '../../../src/pipeline/context.ts';
import { ksbundle } from './cli.ts';

const FOREIGN = 'aarch64-linux-gnu.2.17';

/** Path of the bundle's tarball for `FOREIGN`, built with this machine's store; throws with ksbundle's output. */
export const crossBuilt = once(async (): Promise<string> => {
  const given = process.env['KSBUNDLE_TEST_FOREIGN_TARBALL'];
  if (given !== undefined) return given;
  const out = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-cross-'));
  const mirror = process.env['KSBUNDLE_MIRROR'];
  const environment = mirror === undefined ? {} : { KSBUNDLE_MIRROR: mirror };
  const built = await ksbundle(['build', 'keystone', '--platform', FOREIGN, '--out', out], { environment });
  if (built.exitCode !== 0) throw new Error(built.stderr.slice(-8000));
  return built.stdout.trim();
});
