import semver from 'semver';
import type { Verdict } from '../domain/host-check.ts';
import { requiredNode } from '../io/package-info.ts';

/** Whether this version of Node is one that ksbundle supports. */
export async function examineNode(version = process.versions.node): Promise<Verdict> {
  const required = await requiredNode();
  if (semver.satisfies(version, required)) return { state: 'ok', message: `Node ${version}` };
  return {
    state: 'fault',
    message: `Node ${version} is not supported`,
    why: `ksbundle needs Node ${required}`,
    hint: 'install a supported version of Node and put its directory first in PATH',
  };
}
