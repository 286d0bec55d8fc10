import { stat } from 'node:fs/promises';
import path from 'node:path';
import { repeat } from './measure.mjs';
import { ksbundle, withDirectory } from './release.mjs';

/** Size of the delta between two releases, and the time to make and to apply it. */
export function measureDelta(tarball, earlier) {
  return withDirectory(async (directory) => {
    const delta = path.join(directory, 'keystone.delta');
    const made = await repeat(3, () => ksbundle('delta', earlier, tarball, '--out', delta));
    const { size } = await stat(delta);
    const applied = await repeat(5, () => ksbundle('apply', earlier, delta, '--out', `${directory}/`));
    return [
      { name: 'delta', unit: 'MB', seconds: [size / 1e6], goal: 2 },
      { name: 'ksbundle delta', seconds: made },
      { name: 'ksbundle apply', seconds: applied, goal: 3 },
    ];
  });
}
