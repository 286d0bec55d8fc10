import path from 'node:path';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import type { Architecture, Platform } from '../domain/platform.ts';
import type { Layer, RecipeSet } from '../domain/recipe.ts';
import { checkBundle } from './check-bundle.ts';
import { checkComponent, checkPrebuilt } from './check-component.ts';
import { checkFiles, type NamedFile } from './check-files.ts';
import { checkOverrides } from './check-overrides.ts';
import { checkServices } from './check-services.ts';
import { checkSet, type SoundRecipe } from './check-set.ts';
import type { Document } from './document.ts';
import { checkExtensions, extendBundles } from './extend.ts';
import { checkForm } from './form.ts';
import { checkInstallers, readLayers } from './layers.ts';
import { loadServices } from './load-services.ts';
import type { Fault, Mistake } from './mistake.ts';
import { placeMistakes, sortProblems, describeUnreadable } from './problems.ts';
import { resolveSet } from './resolve.ts';

/** The directories of a project. */
export interface ProjectDirectories {
  readonly recipes: string;
  /** The directory with the services. */
  readonly init: string;
  /** The base layer, which is not used if the recipes have their own toolchain; none by default. */
  readonly base?: Omit<ProjectDirectories, 'base'>;
}

/**
 * Loads all recipes of a project, `<name>/recipe.toml` and `<name>/bundle.toml`, and its services, with those of the
 * base, and resolves them for a platform and a build machine. Throws one `KsbundleError` with the code `KSB_RECIPE_INVALID` and every
 * mistake as a problem, or with `KSB_RECIPES_MISSING` if there is no directory of recipes.
 */
export async function loadRecipes(
  { base, ...project }: ProjectDirectories,
  platform: Platform,
  buildArch: Architecture = platform.arch,
): Promise<RecipeSet> {
  const {
    layers,
    documents: read,
    unreadable,
    leftOut,
  } = await readLayers(layer('project', project), base === undefined ? undefined : layer('base', base));
  const documents = extendBundles(read);
  const services = await loadServices(layers);
  const checked = await Promise.all(documents.map(checkDocument));
  const sound = checked.map((each) => each.sound);
  const bundles = sound.filter((each) => each.kind === 'bundle');
  const mistakes = [
    ...checked.flatMap(({ mistakes: own }) => own),
    ...checkExtensions(documents),
    ...checkSet(sound, { unreadable: unreadable.map(({ name }) => name), leftOut }),
    ...services.mistakes,
    ...checkServices(
      services.sound,
      bundles,
      services.unreadable.map(({ name }) => name),
    ),
  ];
  const problems = sortProblems([
    ...[...unreadable, ...services.unreadable].map(describeUnreadable),
    ...(await placeMistakes(mistakes)),
    ...(await checkInstallers(layers)),
  ]);
  if (problems.length > 0) {
    const written = mistakes.map(({ document }) => (document.kind === 'service' ? 'service' : 'recipe'));
    throw invalid(problems, pagesOf([...written, ...services.unreadable.map(() => 'service' as const)]));
  }
  if (!documents.some(({ kind }) => kind === 'toolchain')) throw withoutToolchain(layers);
  const resolved = await resolveSet(documents, {
    platform,
    buildArch,
    services: services.documents,
    kit: services.kit,
  });
  return { layers, ...resolved };
}

function layer(name: Layer['name'], { recipes, init }: ProjectDirectories): Layer {
  return { name, recipes: path.resolve(recipes), init: path.resolve(init) };
}

async function checkDocument(
  document: Document,
): Promise<{ readonly sound: SoundRecipe; readonly mistakes: Mistake[] }> {
  const form = checkForm(document);
  // The form check removed every value that does not match the schema, so the rest has this type.
  const sound = { kind: document.kind, document, recipe: form.sound } as SoundRecipe;
  const faults = [
    ...form.faults,
    ...checkInside(sound),
    ...(await checkFiles(document, listFiles(sound))),
    ...(sound.kind === 'bundle' ? await checkOverrides(document, sound.recipe) : []),
  ];
  return { sound, mistakes: faults.map((fault) => ({ ...fault, document })) };
}

function checkInside({ kind, recipe }: SoundRecipe): Fault[] {
  if (kind === 'component') return checkComponent(recipe);
  return kind === 'bundle' ? checkBundle(recipe) : checkPrebuilt(recipe);
}

function listFiles({ kind, recipe }: SoundRecipe): NamedFile[] {
  if (kind === 'bundle') {
    const { python, earlier = [] } = recipe;
    return [
      { name: python?.constraints, path: ['python', 'constraints'], kind: 'file' },
      ...earlier.map((each, index): NamedFile => ({
        name: each?.constraints,
        path: ['earlier', index, 'constraints'],
        kind: 'file',
      })),
    ];
  }
  const files = (recipe.files ?? []).map((name, index): NamedFile => ({
    name,
    path: ['files', index],
    kind: 'file or directory',
  }));
  if (kind !== 'component') return files;
  const patches = (recipe.patch ?? []).map((patch, index): NamedFile => ({
    name: patch?.file,
    path: ['patch', index, 'file'],
    kind: 'file',
  }));
  return [...files, ...patches];
}

function invalid(problems: readonly Problem[], hint: string): KsbundleError {
  const files = new Set(problems.map(({ place }) => place?.file)).size;
  const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
  return new KsbundleError({
    code: 'KSB_RECIPE_INVALID',
    exitCode: ExitCode.usage,
    message: `${count(problems.length, 'mistake')} in ${count(files, 'recipe')}`,
    hint,
    problems,
  });
}

/** The pages that describe the invalid keys. */
function pagesOf(atFault: readonly ('recipe' | 'service')[]): string {
  if (!atFault.includes('service')) return 'docs/recipes.md describes every key';
  return atFault.includes('recipe')
    ? 'docs/recipes.md and docs/services.md describe every key'
    : 'docs/services.md describes every key';
}

function withoutToolchain(layers: readonly Layer[]): KsbundleError {
  const directories = layers.map(({ recipes }) => recipes).join(' and ');
  return new KsbundleError({
    code: 'KSB_RECIPE_INVALID',
    exitCode: ExitCode.usage,
    message: `none of the recipes in ${directories} is a toolchain`,
    why: 'every component is built with the compiler that the recipes pin',
    hint: 'add a recipe.toml with kind = "toolchain"',
  });
}
