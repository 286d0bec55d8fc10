import { nearest } from '../domain/nearest.ts';
import { ARCHITECTURES } from '../domain/platform.ts';
import { findVariables, STEP_VARIABLES } from '../domain/variables.ts';
import { checkEmbeds } from './check-embeds.ts';
import { checkStatements } from './check-statements.ts';
import { findDuplicates } from './duplicates.ts';
import { formatKey, listStrings, quote, suggest, type Fault, type KeyPath } from './mistake.ts';
import type { PartlyComponent, PartlyPrebuilt } from './partly.ts';
import { FILE_NAME, urlFile, parseArchiveUrl } from './syntax.ts';

/** Checks that the keys of one component are consistent: steps, variables, unique names. */
export function checkComponent(recipe: PartlyComponent): Fault[] {
  const sources = listSources(recipe);
  return [
    ...checkSteps(recipe),
    ...checkVariables(recipe),
    ...sources.flatMap(({ source, path }) => checkSource(source, path)),
    ...findDuplicates(
      recipe.build?.step?.map((step) => step?.name),
      ['build', 'step'],
      'name',
    ),
    ...findDuplicates(recipe.build?.inputs, ['build', 'inputs']),
    ...findDuplicates(recipe.cross?.tools, ['cross', 'tools']),
    ...findDuplicates(
      recipe.patch?.map((patch) => patch?.file),
      ['patch'],
      'file',
    ),
    ...findDuplicates(recipe.files, ['files']),
    ...findDuplicates(recipe.distributions, ['distributions']),
    ...checkTag(recipe),
    ...checkEmbeds(recipe.embeds),
    ...checkStatements(recipe.vex),
    ...(sources.length > 1
      ? findDuplicates(
          sources.map(({ source }) => source.into ?? '.'),
          ['source'],
          'into',
        )
      : []),
  ];
}

/** The tag must contain the version, so that a newer version does not keep the advisories of the old one. */
function checkTag({ version, advisories }: PartlyComponent): Fault[] {
  const tag = advisories?.tag;
  if (version === undefined || tag === undefined) return [];
  const [numbers, expected] = [numbersOf(tag), numbersOf(version)];
  if (numbers.slice(-expected.length).join('.') === expected.join('.')) return [];
  return [
    {
      code: 'tag-mismatch',
      message: `the tag ${quote(tag)} does not belong to version ${quote(version)}`,
      path: ['advisories', 'tag'],
      at: 'value',
    },
  ];
}

function numbersOf(text: string): readonly string[] {
  return text.match(/\d+/g) ?? [];
}

/** Checks that the keys of the toolchain or of a tool are consistent. */
export function checkPrebuilt(recipe: PartlyPrebuilt): Fault[] {
  const faults = listPrebuiltSources(recipe).flatMap(({ source, path }) => checkSource(source, path));
  if (recipe.source !== undefined && Object.keys(recipe.source).length === 0) {
    faults.push({
      code: 'missing-key',
      message: `[source] lacks a table for ${ARCHITECTURES.join(' or ')}, the architecture of the build machine`,
      path: ['source'],
      at: 'key',
    });
  }
  return [...faults, ...findDuplicates(recipe.files, ['files'])];
}

type PartlySource = NonNullable<NonNullable<PartlyPrebuilt['source']>['x86_64']>;

interface PlacedSource {
  readonly source: PartlySource;
  readonly path: KeyPath;
}

function listSources(recipe: PartlyComponent): PlacedSource[] {
  const { source } = recipe;
  if (source === undefined) return [];
  if (!isList(source)) return [{ source, path: ['source'] }];
  return source.flatMap((each, index) =>
    each === undefined ? [] : [{ source: each, path: ['source', index] }],
  );
}

function listPrebuiltSources(recipe: PartlyPrebuilt): PlacedSource[] {
  return ARCHITECTURES.flatMap((arch) => {
    const source = recipe.source?.[arch];
    return source === undefined ? [] : [{ source, path: ['source', arch] }];
  });
}

function isList<T>(value: T | readonly (T | undefined)[]): value is readonly (T | undefined)[] {
  return Array.isArray(value);
}

function checkSource(source: PartlySource, path: KeyPath): Fault[] {
  const archives = source.archive ?? [];
  const unnamed = archives.flatMap((archive, index): Fault[] => {
    const first = archive?.urls?.[0];
    const url = first === undefined ? undefined : parseArchiveUrl(first);
    if (
      archive === undefined ||
      Object.hasOwn(archive, 'file') ||
      url === undefined ||
      FILE_NAME.test(urlFile(url))
    )
      return [];
    return [
      {
        code: 'bad-file-name',
        message: `the end of the first URL, ${quote(urlFile(url))}, cannot be used as a file name`,
        hint: 'name it: file = "<name>-<version>.tar.gz"',
        path: [...path, 'archive', index, 'urls', 0],
        at: 'value',
      },
    ];
  });
  const digests = archives.map((archive) => archive?.sha256);
  return [...unnamed, ...findDuplicates(digests, [...path, 'archive'], 'sha256')];
}

function checkSteps(recipe: PartlyComponent): Fault[] {
  return (recipe.build?.step ?? []).flatMap((step, index): Fault[] => {
    if (step === undefined || Object.hasOwn(step, 'run') !== Object.hasOwn(step, 'script')) return [];
    const both = Object.hasOwn(step, 'run');
    return [
      {
        code: both ? 'conflicting-keys' : 'missing-key',
        message: `[[build.step]] ${both ? 'has both "run" and "script"; use' : 'lacks "run" or "script": add'} one program as a list, or a shell script`,
        path: ['build', 'step', index, ...(both ? ['script'] : [])],
        at: 'key',
      },
    ];
  });
}

/** A variable has a value for every architecture or for none, and every `${name}` exists. */
function checkVariables(recipe: PartlyComponent): Fault[] {
  const tables = ARCHITECTURES.map((arch) => ({
    arch,
    names: Object.keys(recipe.architecture?.[arch]?.variables ?? {}),
  }));
  const own = new Set(tables.flatMap(({ names }) => names));
  const missing = tables.flatMap(({ arch, names }) =>
    [...own]
      .filter((name) => !names.includes(name))
      .map((name): Fault => {
        const table = ['architecture', arch, 'variables'];
        return {
          code: 'missing-variable',
          message: `the variable ${quote(name)} has no value for ${arch}`,
          hint: `add it to [${table.join('.')}]`,
          path: ['architecture', otherThan(arch), 'variables', name],
          at: 'key',
        };
      }),
  );
  const shadowing = tables.flatMap(({ arch, names }) =>
    names.filter(isStepVariable).map((name): Fault => ({
      code: 'reserved-variable',
      message: `${quote(name)} is a variable of every step and cannot be defined again`,
      path: ['architecture', arch, 'variables', name],
      at: 'key',
    })),
  );
  return [...missing, ...shadowing, ...findUnknownVariables(recipe, own)];
}

function otherThan(arch: string): string {
  return ARCHITECTURES.find((other) => other !== arch) ?? arch;
}

function isStepVariable(name: string): boolean {
  return STEP_VARIABLES.some((variable) => variable === name);
}

function findUnknownVariables(recipe: PartlyComponent, own: ReadonlySet<string>): Fault[] {
  const standard = new Set<string>(STEP_VARIABLES);
  const all = new Set([...standard, ...own]);
  const places: readonly [unknown, KeyPath, ReadonlySet<string>][] = [
    [recipe.build?.environment, ['build', 'environment'], all],
    [recipe.cross?.environment, ['cross', 'environment'], all],
    ...(recipe.build?.step ?? []).flatMap((step, index): [unknown, KeyPath, ReadonlySet<string>][] => [
      [step?.run, ['build', 'step', index, 'run'], all],
      [step?.script, ['build', 'step', index, 'script'], all],
      [step?.environment, ['build', 'step', index, 'environment'], all],
    ]),
    ...ARCHITECTURES.flatMap((arch): [unknown, KeyPath, ReadonlySet<string>][] => [
      [recipe.architecture?.[arch]?.environment, ['architecture', arch, 'environment'], all],
      [recipe.architecture?.[arch]?.variables, ['architecture', arch, 'variables'], standard],
    ]),
  ];
  return places.flatMap(([value, path, known]) =>
    listStrings(value, path).flatMap(([text, at]) =>
      findVariables(text)
        .filter((name) => !known.has(name))
        .map((name): Fault => ({
          code: 'unknown-variable',
          message: `${formatKey(path)}: unknown variable \${${name}}; known: ${[...known].sort().join(', ')}`,
          hint: suggest(nearest(name, known)) ?? `to write a literal \${${name}}, use $\${${name}}`,
          path: at,
          at: 'value',
          within: `\${${name}}`,
        })),
    ),
  );
}
