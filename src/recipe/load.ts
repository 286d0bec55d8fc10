import path from 'node:path';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import type { Platform } from '../domain/platform.ts';
import type { Bundle, Component, RecipeSet, Toolchain } from '../domain/recipe.ts';
import { readDocuments } from './document.ts';
import { resolveBundle, resolveComponent, resolveToolchain } from './resolve.ts';
import { bundleSchema, componentSchema, toolchainSchema } from './written.ts';

export async function loadRecipes(directory: string, platform: Platform): Promise<RecipeSet> {
  const components = new Map<string, Component>();
  const bundles = new Map<string, Bundle>();
  let toolchain: Toolchain | undefined;
  const problems: Problem[] = [];
  for (const document of await readDocuments(path.resolve(directory))) {
    if (!('kind' in document)) {
      problems.push({ code: 'syntax', message: document.message, place: document.place });
      continue;
    }
    const fail = (
      issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
    ): void => {
      for (const issue of issues)
        problems.push({
          code: 'form',
          message: `${issue.path.join('.')}: ${issue.message}`,
          place: { file: document.file },
        });
    };
    if (document.kind === 'component') {
      const result = componentSchema.safeParse(document.value);
      if (result.success)
        components.set(result.data.name, await resolveComponent(result.data, document, platform));
      else fail(result.error.issues);
    } else if (document.kind === 'bundle') {
      const result = bundleSchema.safeParse(document.value);
      if (result.success) bundles.set(result.data.name, await resolveBundle(result.data, document));
      else fail(result.error.issues);
    } else {
      const result = toolchainSchema.safeParse(document.value);
      if (result.success) toolchain = await resolveToolchain(result.data, document);
      else fail(result.error.issues);
    }
  }
  if (problems.length > 0 || toolchain === undefined) {
    throw new KsbundleError({
      code: 'KSB_RECIPE_INVALID',
      exitCode: ExitCode.usage,
      message: 'the recipes have mistakes',
      problems,
    });
  }
  return { components, bundles, toolchain };
}
