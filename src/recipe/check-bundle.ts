import { isLater } from '../domain/version.ts';
import { checkEmbeds } from './check-embeds.ts';
import { checkStatements } from './check-statements.ts';
import { findDuplicates } from './duplicates.ts';
import { quote, type Fault, type KeyPath } from './mistake.ts';
import type { PartlyBundle } from './partly.ts';

/** Checks that the keys of one bundle are consistent: unique names, versions, the interpreter. */
export function checkBundle(recipe: PartlyBundle): Fault[] {
  const { python } = recipe;
  return [
    ...findDuplicates(recipe.components, ['components']),
    ...findDuplicates(recipe.services, ['services']),
    ...findDuplicates(
      python?.launcher?.map((each) => each?.name),
      ['python', 'launcher'],
      'name',
    ),
    ...(['override', 'exclude', 'license'] as const).flatMap((table) =>
      findDuplicates(
        python?.[table]?.map((each) => each?.distribution),
        ['python', table],
        'distribution',
      ),
    ),
    ...checkEmbeds(recipe.embeds),
    ...checkStatements(recipe.vex),
    ...checkInterpreter(recipe),
    ...checkVersions(recipe),
    ...checkRequirements(recipe),
  ];
}

/** Checks that upgrades go forward: `upgrade-from` is not a later version, and earlier versions are earlier. */
function checkVersions(recipe: PartlyBundle): Fault[] {
  const { earlier = [] } = recipe;
  return [
    ...checkUpgrade(recipe, []),
    ...earlier.flatMap((each, index) => {
      const path = ['earlier', index];
      return each === undefined
        ? []
        : [...checkUpgrade(each, path), ...checkEarlier(each.version, recipe.version, path)];
    }),
    ...findDuplicates(
      earlier.map((each) => each?.version),
      ['earlier'],
      'version',
    ),
  ];
}

/** Checks the Python requirements of earlier versions. */
function checkRequirements(recipe: PartlyBundle): Fault[] {
  if (recipe.earlier === undefined || Object.hasOwn(recipe, 'python')) return [];
  return [
    {
      code: 'bad-earlier',
      message: 'earlier versions differ in their Python requirements, and the bundle has no [python]',
      path: ['earlier'],
      at: 'key',
    },
  ];
}

function checkEarlier(version: string | undefined, newest: string | undefined, path: KeyPath): Fault[] {
  if (version === undefined || newest === undefined || isLater(newest, version)) return [];
  return [
    {
      code: 'bad-earlier',
      message: `${quote(version)} is not earlier than the bundle's version ${quote(newest)}`,
      hint: "the bundle's own keys describe its newest version",
      path: [...path, 'version'],
      at: 'value',
    },
  ];
}

function checkUpgrade(
  { version, 'upgrade-from': lowest }: Pick<PartlyBundle, 'version' | 'upgrade-from'>,
  path: KeyPath,
): Fault[] {
  if (version === undefined || lowest === undefined || !isLater(lowest, version)) return [];
  return [
    {
      code: 'bad-upgrade',
      message: `a release of version ${version} cannot upgrade an instance of the later version ${lowest}`,
      hint: 'name the lowest version whose instances it can upgrade',
      path: [...path, 'upgrade-from'],
      at: 'value',
    },
  ];
}

function checkInterpreter({ components, python }: PartlyBundle): Fault[] {
  const interpreter = python?.interpreter;
  if (components === undefined || interpreter === undefined || components.includes(interpreter)) return [];
  return [
    {
      code: 'interpreter-missing',
      message: `the interpreter ${quote(interpreter)} is not one of the bundle's components`,
      hint: `add ${quote(interpreter)} to components`,
      path: ['python', 'interpreter'],
      at: 'value',
    },
  ];
}
