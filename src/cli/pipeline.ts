import type * as pipeline from '../pipeline.ts';

/** The pipeline as the command line uses it; tests hand in their own. */
export type Pipeline = Pick<
  typeof pipeline,
  | 'openContext'
  | 'listRecipes'
  | 'buildBundle'
  | 'planBuild'
  | 'tryBundle'
  | 'rebuildFile'
  | 'lockBundle'
  | 'fetchBundle'
  | 'mirrorBundle'
  | 'auditPath'
  | 'generateKeys'
  | 'signFile'
  | 'verifyFile'
  | 'inspectFile'
  | 'diffFiles'
  | 'readSbom'
  | 'writeReport'
  | 'deltaFiles'
  | 'applyFile'
  | 'readVex'
  | 'whyName'
  | 'whyInFile'
  | 'listCache'
  | 'verifyCache'
  | 'collectCache'
>;

/** Loads the real one, which only commands that need it pay for. */
export async function loadPipeline(): Promise<Pipeline> {
  return import('../pipeline.ts');
}
