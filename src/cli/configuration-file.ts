import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, isErrnoException, KsbundleError, type Place, type Problem } from '../domain/errors.ts';
import { PROJECT_FILE } from '../domain/project.ts';
import { ifThere } from '../io/if-there.ts';
import { configHome, type Environment } from './environment.ts';
import { SETTING_KEYS, type RawValue, type SettingKey } from './setting-keys.ts';
import { nearestHint } from './usage-error.ts';

export interface ConfigurationFiles {
  /** Settings; the project's take precedence over the user's. */
  readonly settings: ReadonlyMap<SettingKey, RawValue>;
  /** Directory of the project's file, if any. */
  readonly project: string | undefined;
}

/**
 * Reads the project's file and the user's. Both may be missing. Recipes beside the project's file belong to the
 * project.
 */
export async function readConfigurationFiles(sources: {
  readonly environment: Environment;
  readonly directory: string;
}): Promise<ConfigurationFiles> {
  const user = await readIfThere(userFile(sources.environment));
  const file = await findProjectFile(sources.directory);
  const project = file === undefined ? undefined : path.dirname(file.file);
  return {
    settings: new Map([
      ...(user === undefined ? [] : await parse(user)),
      ...(project !== undefined && (await isDirectory(path.join(project, 'recipes')))
        ? [['recipes', { value: 'recipes', origin: project, base: project }] as const]
        : []),
      ...(file === undefined ? [] : await parse(file, withheldFromProjects(sources.environment))),
    ]),
    project,
  };
}

async function isDirectory(directory: string): Promise<boolean> {
  return (await ifThere(stat(directory)))?.isDirectory() === true;
}

interface TextFile {
  readonly file: string;
  readonly text: string;
}

/** `$XDG_CONFIG_HOME/ksbundle/config.toml`, by default below `~/.config`. */
function userFile(environment: Environment): string {
  return path.join(configHome(environment), 'ksbundle', 'config.toml');
}

/** The nearest `ksbundle.toml` in `directory` or above it. */
async function findProjectFile(directory: string): Promise<TextFile | undefined> {
  const found = await readIfThere(path.join(directory, PROJECT_FILE));
  const parent = path.dirname(directory);
  return found !== undefined || parent === directory ? found : findProjectFile(parent);
}

async function readIfThere(file: string): Promise<TextFile | undefined> {
  try {
    return { file, text: await readFile(file, 'utf8') };
  } catch (error) {
    if (isErrnoException(error, 'ENOENT') || isErrnoException(error, 'ENOTDIR')) return undefined;
    throw new KsbundleError({
      code: 'KSB_CONFIGURATION',
      exitCode: ExitCode.usage,
      message: `cannot read the configuration file ${file}`,
      why: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}

/**
 * Why a key may not be in a project's file. What a trusted key signed gets into this account's store, where it is used
 * for every project: a project must not choose that key.
 */
function withheldFromProjects(environment: Environment): ReadonlyMap<SettingKey, string> {
  return new Map([
    [
      'cache-key',
      `a project cannot say whom you trust: set it in ${userFile(environment)}, or KSBUNDLE_CACHE_KEY, or --cache-key`,
    ],
  ]);
}

async function parse(
  source: TextFile,
  withheld: ReadonlyMap<SettingKey, string> = new Map(),
): Promise<[SettingKey, RawValue][]> {
  const table = await parseToml(source);
  const lines = source.text.split('\n');
  const lineOf = (key: string): number =>
    lines.findIndex((line) => /^\s*\[*\s*["']?([\w-]+)/.exec(line)?.[1] === key) + 1;
  const problems: Problem[] = [];
  const values: [SettingKey, RawValue][] = [];
  for (const [key, value] of Object.entries(table)) {
    const known = SETTING_KEYS.find((name) => name === key);
    const line = lineOf(key);
    const place = { file: source.file, ...(line > 0 ? { line, column: 1 } : {}) };
    const reason = known === undefined ? undefined : withheld.get(known);
    if (known === undefined) {
      const hint = nearestHint(key, SETTING_KEYS);
      problems.push({ code: 'unknown-key', message: `unknown key ${key}`, place, hint });
    } else if (reason !== undefined) {
      const message = `${key} is not read from the file of a project`;
      problems.push({ code: 'withheld-key', message, place, hint: reason });
    } else {
      values.push([
        known,
        { value, origin: `${source.file}:${line}: ${key}`, base: path.dirname(source.file) },
      ]);
    }
  }
  if (problems.length === 0) return values;
  throw new KsbundleError({
    code: 'KSB_CONFIGURATION',
    exitCode: ExitCode.usage,
    message: `${source.file} is not a valid configuration file`,
    problems,
  });
}

async function parseToml({ file, text }: TextFile): Promise<Record<string, unknown>> {
  const toml = await import('toml');
  try {
    return toml.parse(text) as Record<string, unknown>;
  } catch (error) {
    const { start } =
      (error as { readonly location?: { readonly start: Required<Omit<Place, 'file'>> } }).location ?? {};
    throw new KsbundleError({
      code: 'KSB_CONFIGURATION',
      exitCode: ExitCode.usage,
      message: `${file} is not TOML`,
      place: { file, ...(start === undefined ? {} : { line: start.line, column: start.column }) },
      why: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}
