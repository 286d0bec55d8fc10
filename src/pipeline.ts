export type { PathAudit } from './pipeline/audit.ts';
export type { Context, ContextOptions } from './pipeline/context.ts';

/** The function that `load` returns, loaded at the first call. */
function lazily<Parameters extends readonly unknown[], Result>(
  load: () => Promise<(...parameters: Parameters) => Promise<Result>>,
): (...parameters: Parameters) => Promise<Result> {
  return async (...parameters) => (await load())(...parameters);
}

/** Joins the stages: everything that the command line can do. Each command loads only the parts that it calls. */
export const pipeline = {
  writeCollection: lazily(async () => (await import('./pipeline/ansible.ts')).writeCollection),
  auditPath: lazily(async () => (await import('./pipeline/audit.ts')).auditPath),
  buildBundle: lazily(async () => (await import('./pipeline/build.ts')).buildBundle),
  planBuild: lazily(async () => (await import('./pipeline/build.ts')).planBuild),
  collectCache: lazily(async () => (await import('./pipeline/cache.ts')).collectCache),
  distrustKey: lazily(async () => (await import('./pipeline/cache.ts')).distrustKey),
  listCache: lazily(async () => (await import('./pipeline/cache.ts')).listCache),
  verifyCache: lazily(async () => (await import('./pipeline/cache.ts')).verifyCache),
  exportCache: lazily(async () => (await import('./pipeline/cache-export.ts')).exportCache),
  openContext: lazily(async () => (await import('./pipeline/context.ts')).openContext),
  applyFile: lazily(async () => (await import('./pipeline/delta.ts')).applyFile),
  deltaFiles: lazily(async () => (await import('./pipeline/delta.ts')).deltaFiles),
  diffFiles: lazily(async () => (await import('./pipeline/diff.ts')).diffFiles),
  examineHost: lazily(async () => (await import('./pipeline/doctor.ts')).examineHost),
  lockBundle: lazily(async () => (await import('./pipeline/lock.ts')).lockBundle),
  whyName: lazily(async () => (await import('./pipeline/lock.ts')).whyName),
  createNew: lazily(async () => (await import('./pipeline/new.ts')).createNew),
  imageFile: lazily(async () => (await import('./pipeline/oci.ts')).imageFile),
  rebuildFile: lazily(async () => (await import('./pipeline/rebuild.ts')).rebuildFile),
  listRecipes: lazily(async () => (await import('./pipeline/list-recipes.ts')).listRecipes),
  writeDossier: lazily(async () => (await import('./pipeline/dossier.ts')).writeDossier),
  writeReport: lazily(async () => (await import('./pipeline/report.ts')).writeReport),
  signFile: lazily(async () => (await import('./pipeline/sign.ts')).signFile),
  verifyFile: lazily(async () => (await import('./pipeline/sign.ts')).verifyFile),
  fetchBundle: lazily(async () => (await import('./pipeline/sources.ts')).fetchBundle),
  mirrorBundle: lazily(async () => (await import('./pipeline/sources.ts')).mirrorBundle),
  tryBundle: lazily(async () => (await import('./pipeline/try.ts')).tryBundle),
  inspectFile: lazily(async () => (await import('./pack/inspect.ts')).inspectTarball),
  readSbom: lazily(async () => (await import('./pack/inspect.ts')).readSbom),
  readVex: lazily(async () => (await import('./pack/inspect.ts')).readVex),
  generateKeys: lazily(async () => (await import('./pack/keys.ts')).generateKeys),
  whyInFile: lazily(async () => (await import('./pack/why.ts')).whyInTarball),
};

export type Pipeline = typeof pipeline;
