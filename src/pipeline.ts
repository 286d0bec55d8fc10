/** The one place that joins the stages: what the command line can do. */
export { auditPath, type PathAudit } from './pipeline/audit.ts';
export { buildBundle, planBuild } from './pipeline/build.ts';
export { collectCache, listCache, verifyCache } from './pipeline/cache.ts';
export { openContext, type Context, type ContextOptions } from './pipeline/context.ts';
export { applyFile, deltaFiles } from './pipeline/delta.ts';
export { diffFiles } from './pipeline/diff.ts';
export { lockBundle, whyName, type LockOptions } from './pipeline/lock.ts';
export { rebuildFile } from './pipeline/rebuild.ts';
export { listRecipes } from './pipeline/recipes.ts';
export { writeReport } from './pipeline/report.ts';
export { signFile } from './pipeline/sign.ts';
export { fetchBundle, mirrorBundle } from './pipeline/sources.ts';
export { tryBundle } from './pipeline/try.ts';
export { inspectTarball as inspectFile, readSbom, readVex } from './pack/inspect.ts';
export { generateKeys } from './pack/keys.ts';
export { whyInTarball as whyInFile } from './pack/why.ts';
export { verifyTarball as verifyFile } from './pack/verify.ts';
