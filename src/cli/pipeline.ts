/** The pipeline as the command line uses it; tests hand in their own. */
export type Pipeline = Pick<
  typeof import('../pipeline.ts'),
  | 'openContext'
  | 'listRecipes'
  | 'buildBundle'
  | 'planBuild'
  | 'tryBundle'
  | 'lockBundle'
  | 'fetchBundle'
  | 'mirrorBundle'
  | 'auditPath'
  | 'verifyFile'
  | 'inspectFile'
  | 'whyName'
  | 'listCache'
  | 'verifyCache'
  | 'collectCache'
>;

/** Loads the real one, which only commands that need it pay for. */
export async function loadPipeline(): Promise<Pipeline> {
  return import('../pipeline.ts');
}
