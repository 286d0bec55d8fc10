import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { SERVICES_DIRECTORY } from '../domain/layout.ts';
import { PROJECT_FILE } from '../domain/project.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { NewKind, NewResult } from '../domain/results.ts';
import { exists, listTree } from '../io/files.ts';
import { packageRoot } from '../io/package-info.ts';
import { kebabName } from '../recipe/fields.ts';
import type { Context } from './context.ts';
import { listRecipes } from './list-recipes.ts';
import { lockBundle } from './lock.ts';
import { describeArchive } from './new-component.ts';
import { BASE, initBeside } from './recipes.ts';

export interface NewOptions {
  readonly kind: NewKind;
  readonly name: string;
  /** Directory of the project; it may be empty. */
  readonly project: string;
  /** For a component: URL of its source archive; without one, it is a sample program. */
  readonly url?: string | undefined;
}

/**
 * Writes a bundle, a component or a service from a template that builds unchanged, and locks a bundle; first creates
 * the project if `project` is an empty directory. Changes no existing file. Throws `KSB_NEW_NAME`, `KSB_NEW_EXISTS`,
 * `KSB_NEW_NO_PROJECT`, or what loading and locking throw.
 */
export async function createNew(
  outer: Context,
  { kind, name, project, url }: NewOptions,
): Promise<NewResult> {
  checkName(name);
  const context = within(outer, project);
  const isProject = await exists(path.join(project, PROJECT_FILE));
  if (!isProject) await requireEmpty(project);
  await requireFree(outer, context, { kind, name });
  const init = initBeside(context.recipesDirectory);
  const service = path.join(init, SERVICES_DIRECTORY, name);
  const templates = [
    ...(isProject ? [] : ['project']),
    ...(url === undefined ? [kind] : []),
    ...(kind === 'bundle' && !(await exists(service)) ? ['service'] : []),
  ];
  const places: Places = { '.': project, recipes: context.recipesDirectory, init };
  const files = (await Promise.all(templates.map((each) => readTemplate(each, name, places)))).flat();
  if (url !== undefined) {
    const file = path.join(context.recipesDirectory, name, 'recipe.toml');
    files.push({ file, text: await describeArchive(context, name, url) });
  }
  for (const { file } of files) if (await exists(file)) throw existing(file);
  for (const { file, text } of files) {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text, { flag: 'wx' });
  }
  const written = files.map(({ file }) => file);
  if (kind !== 'bundle') return { kind, name, written };
  const { lockfile } = await lockBundle(context, name, { check: false, dryRun: false });
  return { kind, name, written: [...written, lockfile] };
}

/** The context of a project, which may have no recipes yet. */
function within(context: Context, project: string): Context {
  const inProject = (directory: string, name: string): string =>
    directory === path.join(packageRoot(), name) ? path.join(project, name) : directory;
  return {
    ...context,
    recipesDirectory: inProject(context.recipesDirectory, 'recipes'),
    lockfilesDirectory: inProject(context.lockfilesDirectory, 'lockfiles'),
  };
}

function checkName(name: string): void {
  const issue = kebabName.safeParse(name).error?.issues[0];
  if (issue === undefined) return;
  const hint: unknown = 'params' in issue ? issue.params?.['hint'] : undefined;
  throw new KsbundleError({
    code: 'KSB_NEW_NAME',
    exitCode: ExitCode.usage,
    message: issue.message,
    ...(typeof hint === 'string' ? { hint } : {}),
  });
}

/** Ignores hidden files, such as those of version control. */
async function requireEmpty(directory: string): Promise<void> {
  const [first] = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort();
  if (first === undefined) return;
  throw new KsbundleError({
    code: 'KSB_NEW_NO_PROJECT',
    exitCode: ExitCode.usage,
    message: `${directory} is not a project: it has no ${PROJECT_FILE}, and is not empty`,
    why: `it has ${JSON.stringify(first)}`,
    hint: `go to a project or to an empty directory; or make this directory a project: touch ${PROJECT_FILE}`,
  });
}

/** Names of recipes, and of services, are unique across layers; a bundle uses the project's service of its name. */
async function requireFree(
  outer: Context,
  context: Context,
  { kind, name }: Pick<NewOptions, 'kind' | 'name'>,
): Promise<void> {
  if (kind !== 'service') {
    const recipe = path.join(context.recipesDirectory, name);
    if (await exists(recipe)) throw existing(recipe);
    const set = (await exists(context.recipesDirectory)) ? context : outer;
    const taken = (await listRecipes(set)).find((each) => each.name === name && each.kind !== 'service');
    if (taken !== undefined) throw inBase(taken.kind, name, path.join(BASE.recipes, name));
  }
  if (kind === 'component') return;
  const own = path.join(initBeside(context.recipesDirectory), SERVICES_DIRECTORY, name);
  const isOwn = await exists(own);
  if (isOwn && kind === 'service') throw existing(own);
  const below = path.join(BASE.init, SERVICES_DIRECTORY, name);
  if (!isOwn && (await exists(below))) throw inBase('service', name, below);
}

function existing(file: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_NEW_EXISTS',
    exitCode: ExitCode.usage,
    message: `${file} already exists, and ksbundle overwrites nothing`,
    hint: 'choose another name, or edit the existing file',
  });
}

function inBase(kind: string, name: string, directory: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_NEW_EXISTS',
    exitCode: ExitCode.usage,
    message: `ksbundle has a ${kind} ${JSON.stringify(name)} already`,
    hint: `choose another name; or, to replace it in this project, copy ${directory} and edit the copy`,
  });
}

/** Targets of a template's directories; `.` is for its own files. */
type Places = Readonly<Record<'.' | 'recipes' | 'init', string>>;

interface TemplateFile {
  /** Absolute path of the file to write. */
  readonly file: string;
  readonly text: string;
}

/** A template is part of a project named "hello" with the Python module `hello_app`. */
async function readTemplate(template: string, name: string, places: Places): Promise<TemplateFile[]> {
  const root = path.join(packageRoot(), 'templates', template);
  const files = (await listTree(root)).filter(({ kind }) => kind === 'file');
  const rename = (text: string): string =>
    text.replaceAll(/\bhello_app\b/g, `${name.replaceAll('-', '_')}_app`).replaceAll(/\bhello\b/g, name);
  return Promise.all(
    files.map(async ({ path: from }) => {
      const [top = '', ...rest] = rename(from).split('/');
      const file =
        top === 'recipes' || top === 'init'
          ? path.join(places[top], ...rest)
          : path.join(places['.'], top, ...rest);
      return { file, text: rename(await readFile(path.join(root, from), 'utf8')) };
    }),
  );
}
