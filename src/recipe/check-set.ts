import { findCycles } from '../domain/graph.ts';
import { nearest } from '../domain/nearest.ts';
import { INSTALLER_PYTHON } from '../domain/project.ts';
import type { PartlyBundle, PartlyComponent, PartlyPrebuilt, PartlyService } from './partly.ts';
import type { Document } from './document.ts';
import { quote, suggest, type KeyPath, type Mistake } from './mistake.ts';

interface Sound<Kind, Recipe> {
  readonly kind: Kind;
  readonly document: Document;
  /** Its values of the right form. */
  readonly recipe: Recipe;
}

export type SoundComponent = Sound<'component', PartlyComponent>;
export type SoundPrebuilt = Sound<'toolchain' | 'tool', PartlyPrebuilt>;
export type SoundBundle = Sound<'bundle', PartlyBundle>;
export type SoundService = Sound<'service', PartlyService>;
export type SoundRecipe = SoundComponent | SoundPrebuilt | SoundBundle;

/** Names of recipes that are not checked. */
export interface Elsewhere {
  /** Recipes that exist but cannot be read: references to them are valid. */
  readonly unreadable: readonly string[];
  /** Recipes of the base, which are not used because the project has its own toolchain. */
  readonly leftOut: readonly string[];
}

/** Checks that recipes are consistent: names, references and their graph, the one toolchain. */
export function checkSet(recipes: readonly SoundRecipe[], elsewhere: Elsewhere): Mistake[] {
  return [
    ...checkNames(recipes),
    ...checkBundleNames(recipes),
    ...checkReferences(recipes, elsewhere),
    ...checkCycles(recipes.filter((recipe) => recipe.kind === 'component')),
    ...checkDistributions(recipes.filter((recipe) => recipe.kind === 'component')),
    ...checkToolchains(recipes.filter(({ kind }) => kind === 'toolchain')),
  ];
}

/** Each recipe must have the name of its directory. */
export function checkNames(recipes: readonly (SoundRecipe | SoundService)[]): Mistake[] {
  return recipes.flatMap(({ document, recipe: { name } }): Mistake[] => {
    if (name === undefined || name === document.name) return [];
    const message = `the name is ${quote(name)}, but the recipe is in the directory ${quote(document.name)}`;
    const hint = `name = ${quote(document.name)}`;
    return [{ document, code: 'name-mismatch', message, hint, path: ['name'], at: 'value' }];
  });
}

/** Bundles, their earlier versions and all other recipes must have different names. */
function checkBundleNames(recipes: readonly SoundRecipe[]): Mistake[] {
  const names = recipes.flatMap(({ document, kind, recipe }) => [
    { document, kind, name: document.name, path: ['name'] },
    ...(kind === 'bundle' ? (recipe.earlier ?? []) : []).map((each, index) => ({
      document,
      kind,
      name: each?.name,
      path: ['earlier', index, 'name'],
    })),
  ]);
  return names.flatMap(({ document, kind, name, path }, index): Mistake[] => {
    const other = names.find((each, at) => each.name === name && (each.kind !== 'bundle' || at < index));
    if (kind !== 'bundle' || name === undefined || other === undefined) return [];
    const both = other.kind === 'bundle' ? 'two bundles' : `a bundle and a ${other.kind}`;
    const message = `${both} are named ${quote(name)}`;
    const hint = 'give the bundle another name';
    return [{ document, code: 'duplicate-name', message, hint, path, at: 'value' }];
  });
}

interface Reference {
  readonly name: string | undefined;
  readonly path: KeyPath;
}

function listReferences({ kind, recipe }: SoundRecipe): Reference[] {
  if (kind === 'component')
    return [
      ...namesOf(recipe.build?.inputs, ['build', 'inputs']),
      ...namesOf(recipe.cross?.tools, ['cross', 'tools']),
    ];
  if (kind !== 'bundle') return [];
  const { components, python } = recipe;
  return [
    ...namesOf(components, ['components']),
    Object.hasOwn(recipe, 'python')
      ? { name: python?.interpreter, path: ['python', 'interpreter'] }
      : { name: INSTALLER_PYTHON, path: [] },
  ];
}

function namesOf(names: readonly (string | undefined)[] | undefined, path: KeyPath): Reference[] {
  return (names ?? []).map((name, index) => ({ name, path: [...path, index] }));
}

function checkReferences(recipes: readonly SoundRecipe[], { unreadable, leftOut }: Elsewhere): Mistake[] {
  const kinds = new Map(recipes.map(({ kind, document }) => [document.name, kind]));
  const components = [...kinds].flatMap(([name, kind]) => (kind === 'component' ? [name] : []));
  const known = new Set([...components, ...unreadable]);
  return recipes.flatMap((recipe) =>
    listReferences(recipe).flatMap(({ name, path }): Mistake[] => {
      if (name === undefined || known.has(name)) return [];
      const kind = kinds.get(name);
      return [
        {
          document: recipe.document,
          code: 'unknown-component',
          message:
            kind === undefined
              ? `there is no component ${quote(name)}`
              : `${quote(name)} is a ${kind}, not a component`,
          hint: leftOut.includes(name)
            ? `a project with its own toolchain cannot use ksbundle's components: copy the recipe`
            : suggest(nearest(name, known)),
          path,
          at: 'value',
        },
      ];
    }),
  );
}

function checkCycles(components: readonly SoundComponent[]): Mistake[] {
  const byName = new Map(components.map((component) => [component.document.name, component]));
  const inputsOf = (name: string): string[] =>
    (byName.get(name)?.recipe.build?.inputs ?? []).filter((input) => input !== undefined);
  return findCycles(byName.keys(), inputsOf).flatMap((cycle): Mistake[] => {
    const [first = '', second = ''] = cycle;
    const component = byName.get(first);
    if (component === undefined) return [];
    return [
      {
        document: component.document,
        code: 'cycle',
        message: `components need each other: ${cycle.join(' -> ')}`,
        hint: 'remove one of these inputs',
        path: ['build', 'inputs', component.recipe.build?.inputs?.indexOf(second) ?? 0],
        at: 'value',
      },
    ];
  });
}

function checkDistributions(components: readonly SoundComponent[]): Mistake[] {
  const owners = new Map<string, string>();
  return components.flatMap(({ document, recipe }) =>
    (recipe.distributions ?? []).flatMap((distribution, index): Mistake[] => {
      if (distribution === undefined) return [];
      const owner = owners.get(distribution) ?? document.name;
      owners.set(distribution, owner);
      if (owner === document.name) return [];
      const message = `the component ${quote(owner)} already installs the distribution ${quote(distribution)}`;
      return [{ document, code: 'duplicate', message, path: ['distributions', index], at: 'value' }];
    }),
  );
}

function checkToolchains(toolchains: readonly SoundRecipe[]): Mistake[] {
  const [first, ...others] = toolchains;
  return others.map(({ document }) => ({
    document,
    code: 'second-toolchain',
    message: `${quote(first?.document.name ?? '')} is already the toolchain, and there can be only one`,
    path: ['kind'],
    at: 'value',
  }));
}
