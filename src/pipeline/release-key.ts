import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { installerFiles } from '../assemble/installer.ts';
import type { Artifact } from '../build/plan.ts';
import type { AuditReport } from '../domain/audit.ts';
import type { Sha256 } from '../domain/digest.ts';
import { formatPlatform } from '../domain/platform.ts';
import { hashBytes, hashFile } from '../io/files.ts';
import { codeDigest } from './code.ts';
import type { Context } from './context.ts';
import { pageFiles } from './pages.ts';
import { recipeFiles } from './recipe-files.ts';
import type { MadeRelease } from './release.ts';
import { componentsOf, installerOf } from './recipes.ts';
import type { LockedBundle } from './sources.ts';

/** A release in the store. */
export interface StoredRelease {
  readonly tarball: Sha256;
  readonly provenance: Sha256;
  readonly audit: AuditReport;
}

/** Records a release's tarball, build record and audit in the store. */
export interface ReleaseKey {
  readonly digest: Sha256;
  /** Undefined unless complete. */
  read(): Promise<StoredRelease | undefined>;
  write(made: MadeRelease): Promise<void>;
}

/**
 * Key of a release: everything that determines its bytes. It includes the code that assembles, relocates, audits and
 * packs, so that a changed ksbundle never reuses an old release.
 */
export async function releaseKey(
  context: Context,
  loaded: LockedBundle,
  artifacts: ReadonlyMap<string, Artifact>,
): Promise<ReleaseKey> {
  const { bundle } = loaded;
  const installer = await installerFiles(bundle, installerOf(loaded));
  const pages = await pageFiles(context, bundle);
  const digest = hashBytes(
    JSON.stringify([
      formatPlatform(context.platform),
      bundle.name,
      recipeFiles(loaded).map(({ file, sha256 }) => [file, sha256]),
      loaded.lockOrigin.sha256,
      componentsOf(loaded).map(({ name }) => [name, artifacts.get(name)?.sha256]),
      await Promise.all(installer.map(async ({ from, to }) => [to, await hashFile(from)])),
      await Promise.all(pages.map(async (file) => [path.basename(file), await hashFile(file)])),
      await codeDigest(),
    ]),
  );
  const { store } = context;
  const keyOf = (part: keyof StoredRelease): Sha256 => hashBytes(`${digest} ${part}`);
  const find = async (part: keyof StoredRelease): Promise<Sha256 | undefined> =>
    (await store.builds.read(keyOf(part)))?.artifact;
  return {
    digest,
    async read() {
      const [tarball, provenance, audit] = await Promise.all([
        find('tarball'),
        find('provenance'),
        find('audit'),
      ]);
      if (tarball === undefined || provenance === undefined || audit === undefined) return undefined;
      const report = await readFile(store.pathOf(audit), 'utf8');
      return { tarball, provenance, audit: JSON.parse(report) as AuditReport };
    },
    async write({ tarball, provenance, audit, time }) {
      const report = await store.add(Readable.from([Buffer.from(JSON.stringify(audit))]));
      for (const [part, content] of [
        ['audit', report],
        ['provenance', provenance],
        ['tarball', tarball],
      ] as const) {
        await store.builds.write({
          key: keyOf(part),
          artifact: content.sha256,
          size: content.size,
          component: bundle.name,
          version: bundle.version,
          time,
          created: new Date().toISOString(),
        });
      }
    },
  };
}
