import os from 'node:os';
import path from 'node:path';
import { nearest } from '../domain/nearest.ts';
import { ARCHITECTURES, DEFAULT_PLATFORM, parsePlatform, type Platform } from '../domain/platform.ts';
import { readConfigurationFiles } from './configuration-file.ts';
import { cacheHome, type Environment } from './environment.ts';
import type { Flags } from './options.ts';
import { packageRoot } from '../io/package-info.ts';
import { LIST_KEYS, SETTING_KEYS, type RawValue, type SettingKey } from './setting-keys.ts';
import { usageError } from './usage-error.ts';

/** The settings of a run, merged from flags, environment and configuration files. Paths are absolute. */
export interface Settings {
  readonly platform: Platform;
  readonly jobs: number;
  readonly offline: boolean;
  readonly mirrors: readonly string[];
  readonly out: string;
  readonly cache: string;
  /** Shared build caches: absolute directories and URLs. */
  readonly cacheFrom: readonly string[];
  /** Public keys of what shared build caches have. */
  readonly cacheKeys: readonly string[];
  readonly recipes: string;
  readonly lockfiles: string;
  /** Directory of the project that contains the working directory. */
  readonly project: string | undefined;
}

export interface SettingSources {
  readonly flags: Flags;
  readonly environment: Environment;
  /** Working directory. */
  readonly directory: string;
}

/** Merges settings. Precedence: flags, `KSBUNDLE_*`, the project's file, the user's file, defaults. */
export async function readSettings(sources: SettingSources): Promise<Settings> {
  const { settings: files, project } = await readConfigurationFiles(sources);
  const raw = (key: SettingKey): RawValue | undefined =>
    flagValue(sources, key) ?? environmentValue(sources, key) ?? files.get(key);
  const directoryOf = (key: SettingKey, fallback: string): string => {
    const value = raw(key);
    return value === undefined ? fallback : path.resolve(value.base, textOf(value));
  };
  const recipes = directoryOf('recipes', path.join(packageRoot(), 'recipes'));
  return {
    platform: platformOf(raw('platform')),
    jobs: jobsOf(raw('jobs')),
    offline: booleanOf(raw('offline')),
    mirrors: placesOf(raw('mirror')),
    out: directoryOf('out', path.join(project ?? sources.directory, 'out')),
    cache: directoryOf('cache', path.join(cacheHome(sources.environment), 'ksbundle')),
    cacheFrom: placesOf(raw('cache-from')),
    cacheKeys: filesOf(raw('cache-key')),
    recipes,
    lockfiles: directoryOf('lockfiles', path.join(path.dirname(recipes), 'lockfiles')),
    project,
  };
}

/** Names that look like a misspelt `KSBUNDLE_*` variable, each with the name that the user probably meant. */
export function misspeltVariables(
  environment: Environment,
): readonly { readonly name: string; readonly meant: string }[] {
  const known = new Set(SETTING_KEYS.map(variableOf));
  return Object.keys(environment)
    .filter((name) => name.startsWith('KSBUNDLE_') && !known.has(name))
    .flatMap((name) => {
      const meant = nearest(name.slice('KSBUNDLE_'.length), SETTING_KEYS);
      return meant === undefined ? [] : [{ name, meant: variableOf(meant) }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function variableOf(key: string): string {
  return `KSBUNDLE_${key.toUpperCase().replaceAll('-', '_')}`;
}

function flagValue({ flags, directory }: SettingSources, key: SettingKey): RawValue | undefined {
  const value = flags[key];
  return value === undefined ? undefined : { value, origin: `--${key}`, base: directory };
}

function environmentValue({ environment, directory }: SettingSources, key: SettingKey): RawValue | undefined {
  const origin = variableOf(key);
  const value = environment[origin];
  if (value === undefined || value === '') return undefined;
  return { value: LIST_KEYS.has(key) ? value.split('\n') : value, origin, base: directory };
}

function platformOf(raw: RawValue | undefined): Platform {
  const text = raw === undefined ? DEFAULT_PLATFORM : textOf(raw);
  const platform = parsePlatform(text);
  if (platform !== undefined) return platform;
  throw badValue(
    raw,
    `<arch>-linux-gnu.<glibc version>, for example ${DEFAULT_PLATFORM}; architectures: ${ARCHITECTURES.join(', ')}`,
  );
}

function jobsOf(raw: RawValue | undefined): number {
  if (raw === undefined) return os.availableParallelism();
  if (/^[1-9]\d{0,3}$/.test(String(raw.value))) return Number(raw.value);
  throw badValue(raw, 'a whole number from 1 to 9999');
}

function booleanOf(raw: RawValue | undefined): boolean {
  if (raw === undefined) return false;
  if (typeof raw.value === 'boolean') return raw.value;
  if (raw.value === 'true' || raw.value === '1') return true;
  if (raw.value === 'false' || raw.value === '0') return false;
  throw badValue(raw, 'true or false');
}

function placesOf(raw: RawValue | undefined): string[] {
  const isUrl = /^(?:https?:\/\/|file:)/i;
  return listOf(raw, 'a directory or a URL', (text, base) =>
    isUrl.test(text) ? text : path.resolve(base, text),
  );
}

function filesOf(raw: RawValue | undefined): string[] {
  return listOf(raw, 'a file', (text, base) => path.resolve(base, text));
}

function listOf(
  raw: RawValue | undefined,
  wanted: string,
  read: (text: string, base: string) => string,
): string[] {
  if (raw === undefined) return [];
  const values: readonly unknown[] = Array.isArray(raw.value) ? raw.value : [raw.value];
  return values.map((value) => {
    if (typeof value === 'string' && value !== '') return read(value, raw.base);
    throw badValue(raw, `${wanted}, or a list of them`);
  });
}

function textOf(raw: RawValue): string {
  if (typeof raw.value === 'string' && raw.value !== '') return raw.value;
  throw badValue(raw, 'text');
}

function badValue(raw: RawValue | undefined, wanted: string): Error {
  return usageError(
    'KSB_BAD_VALUE',
    `${raw?.origin ?? 'default'} is ${JSON.stringify(raw?.value)}, which is not valid`,
    `give ${wanted}`,
  );
}
