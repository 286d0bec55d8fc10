import { mkdtemp } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { buildGraph, reusedArtifact, toolNode, type Artifact } from '../../../src/build/plan.ts';
import { parsePlatform } from '../../../src/domain/platform.ts';
import type { BuildRecord, Store } from '../../../src/domain/store.ts';
import { buildArchitecture } from '../../../src/pipeline/build-architecture.ts';
import { once } from '../../../src/pipeline/context.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { openStore } from '../../../src/store/open.ts';
import { projectAt } from '../../support/projects.ts';
import { ksbundle, mirrorOfTests, ROOT } from './cli.ts';

export const FOREIGN = 'aarch64-linux-gnu.2.17';

/** Path of the bundle's tarball for `FOREIGN`, built with this machine's store; throws with ksbundle's output. */
export const crossBuilt = once(async (): Promise<string> => {
  const given = process.env['KSBUNDLE_TEST_FOREIGN_TARBALL'];
  if (given !== undefined) return given;
  const out = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-cross-'));
  const built = await ksbundle(['build', 'keystone', '--platform', FOREIGN, '--out', out], {
    environment: mirrorOfTests(),
  });
  if (built.exitCode !== 0) throw new Error(built.stderr.slice(-8000));
  return built.stdout.trim();
});

/** The user's store, and the records of the bundle's artifacts there by node of its build graph; the bundle is built. */
export async function storedArtifacts(
  name: string,
): Promise<{ readonly store: Store; readonly records: ReadonlyMap<string, BuildRecord> }> {
  const { stdout: cache } = await ksbundle(['cache', 'path']);
  const store = await openStore(cache, () => undefined);
  const platform = parsePlatform(name);
  if (platform === undefined) throw new TypeError(name);
  const buildArch = buildArchitecture();
  const set = await loadRecipes(projectAt(ROOT), platform, buildArch);
  const bundle = set.bundles.get('keystone');
  if (bundle === undefined) throw new TypeError('no bundle');
  const { interpreter } = bundle.python;
  const tools = platform.arch === buildArch ? [] : [toolNode(interpreter)];
  const names = [interpreter, ...bundle.components, ...tools];
  const graph = buildGraph({ names, set, platform, buildArch, store });
  const artifacts = new Map<string, Artifact>();
  const records = new Map<string, BuildRecord>();
  for (const node of graph.order) {
    const record = await store.builds.read(graph.wantedOf(node, artifacts).key);
    if (record === undefined) throw new Error(`${node} is not in ${cache}: build the bundle first`);
    artifacts.set(node, reusedArtifact(record, store));
    records.set(node, record);
  }
  return { store, records };
}
