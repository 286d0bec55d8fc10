import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { run } from '../io/process.ts';

/** Where Python distributions are looked up. */
export interface PythonIndexes {
  /** Base addresses of simple indexes (PEP 503), without slash at the end, in the order to ask them. */
  readonly indexes: readonly string[];
  /** Directories, or addresses of pages of links. */
  readonly findLinks: readonly string[];
}

/** What one layer of configuration says. */
interface Layer {
  readonly index?: string | undefined;
  readonly extra: readonly string[];
  readonly findLinks: readonly string[];
  readonly noIndex: boolean;
}

/**
 * The indexes that the host is configured with: `KSBUNDLE_PYTHON_INDEX` alone if it is set; else the variables and
 * files of uv and pip, the first index named in that order, and everything named as additional. Without any, the
 * default that an installed pip or uv tells; `indexes` is empty if neither is there.
 */
export async function readPythonIndexes(
  environment: NodeJS.ProcessEnv,
  hostRoot: string,
): Promise<PythonIndexes> {
  const own = words(environment['KSBUNDLE_PYTHON_INDEX']);
  if (own.length > 0) return { indexes: own.map(withoutSlash), findLinks: [] };

  const layers: Layer[] = [uvVariables(environment), pipVariables(environment)];
  for (const file of uvFiles(environment, hostRoot)) layers.push(await readUvFile(file));
  for (const file of pipFiles(environment, hostRoot))
    layers.push(parsePipConfiguration(await readIfReadable(file)));

  const findLinks = [...new Set(layers.flatMap((layer) => layer.findLinks))];
  if (layers.some((layer) => layer.noIndex)) return { indexes: [], findLinks };
  const index =
    layers.find((layer) => layer.index !== undefined)?.index ?? (await askDefaultIndex(environment));
  const indexes = [...(index === undefined ? [] : [index]), ...layers.flatMap((layer) => layer.extra)];
  return { indexes: [...new Set(indexes.map(withoutSlash))], findLinks };
}

function uvVariables(environment: NodeJS.ProcessEnv): Layer {
  return {
    index: words(`${environment['UV_DEFAULT_INDEX'] ?? ''} ${environment['UV_INDEX_URL'] ?? ''}`).map(
      withoutName,
    )[0],
    extra: words(`${environment['UV_INDEX'] ?? ''} ${environment['UV_EXTRA_INDEX_URL'] ?? ''}`).map(
      withoutName,
    ),
    findLinks: (environment['UV_FIND_LINKS'] ?? '').split(/[\s,]+/).filter((word) => word !== ''),
    noIndex: isOn(environment['UV_NO_INDEX']),
  };
}

function pipVariables(environment: NodeJS.ProcessEnv): Layer {
  return {
    index: words(environment['PIP_INDEX_URL'])[0],
    extra: words(environment['PIP_EXTRA_INDEX_URL']),
    findLinks: words(environment['PIP_FIND_LINKS']),
    noIndex: isOn(environment['PIP_NO_INDEX']),
  };
}

/** See "Configuration files" of uv: the user's file wins over the system's. */
function uvFiles(environment: NodeJS.ProcessEnv, hostRoot: string): string[] {
  if (isOn(environment['UV_NO_CONFIG'])) return [];
  const given = environment['UV_CONFIG_FILE'];
  if (given !== undefined && given !== '') return [given];
  return [path.join(configurationHome(environment), 'uv/uv.toml'), path.join(hostRoot, 'etc/uv/uv.toml')];
}

/** See "Configuration" of pip: environment's, user's, then global files; `PIP_CONFIG_FILE` before all of them. */
function pipFiles(environment: NodeJS.ProcessEnv, hostRoot: string): string[] {
  const given = environment['PIP_CONFIG_FILE'];
  if (given === '/dev/null') return [];
  const prefix = environment['VIRTUAL_ENV'];
  return [
    ...(given === undefined || given === '' ? [] : [given]),
    ...(prefix === undefined || prefix === '' ? [] : [path.join(prefix, 'pip.conf')]),
    path.join(configurationHome(environment), 'pip/pip.conf'),
    path.join(home(environment), '.pip/pip.conf'),
    path.join(hostRoot, 'etc/pip.conf'),
    path.join(hostRoot, 'etc/xdg/pip/pip.conf'),
  ];
}

async function readUvFile(file: string): Promise<Layer> {
  const text = await readIfReadable(file);
  if (text === '') return { extra: [], findLinks: [], noIndex: false };
  const { parse } = await import('toml');
  let settings: Record<string, unknown>;
  try {
    settings = parse(text) as Record<string, unknown>;
  } catch {
    return { extra: [], findLinks: [], noIndex: false };
  }
  const tables = (Array.isArray(settings['index']) ? settings['index'] : []) as Record<string, unknown>[];
  const implicit = tables.filter((table) => table['explicit'] !== true && typeof table['url'] === 'string');
  const isDefault = (table: Record<string, unknown>): boolean => table['default'] === true;
  return {
    index: [...implicit.filter(isDefault).map((table) => table['url']), settings['index-url']].find(isText),
    extra: [
      ...implicit.filter((table) => !isDefault(table)).map((table) => table['url']),
      ...list(settings['extra-index-url']),
    ].filter(isText),
    findLinks: list(settings['find-links']).filter(isText),
    noIndex: settings['no-index'] === true,
  };
}

/** An INI file whose values may go on in indented lines; a section of a command wins over `global`. */
export function parsePipConfiguration(text: string): Layer {
  const values = new Map<string, string>();
  let section = '';
  let key: string | undefined;
  for (const line of text.split('\n').filter((each) => !/^\s*[#;]/.test(each))) {
    const [, name] = /^\[([^\]]+)\]/.exec(line) ?? [];
    const [, option, value = ''] = /^([^\s=:][^=:]*?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) [section, key] = [name.trim(), undefined];
    else if (option !== undefined)
      values.set((key = `${section}.${option.toLowerCase().replaceAll('_', '-')}`), value);
    else if (key !== undefined && /^\s/.test(line))
      values.set(key, `${values.get(key) ?? ''} ${line.trim()}`);
  }
  const get = (option: string): string | undefined =>
    ['download', 'install', 'global'].map((each) => values.get(`${each}.${option}`)).find(isText);
  return {
    index: words(get('index-url'))[0],
    extra: words(get('extra-index-url')),
    findLinks: words(get('find-links')),
    noIndex: isOn(get('no-index')),
  };
}

/**
 * The index that an installed pip or uv uses by default: the product itself names none. Pip has it as a constant;
 * uv tells it in the help of `--default-index`.
 */
async function askDefaultIndex(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const variables = Object.fromEntries(
    Object.entries(environment).filter((pair): pair is [string, string] => isText(pair[1])),
  );
  const ask = async (argv: readonly string[]): Promise<string | undefined> => {
    const { exitCode, stdout } = await run(argv, { environment: variables, timeout: 30_000 });
    return exitCode === 0 ? /https?:\/\/[^\s>)\]]+/.exec(stdout)?.[0] : undefined;
  };
  const pip = 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)';
  const told = await ask(['python3', '-c', pip]);
  if (told !== undefined) return told;
  const help = await run(['uv', 'help', 'pip', 'install'], { environment: variables, timeout: 30_000 });
  return /--default-index[\s\S]*?by default: <?(https?:\/\/[^\s>)]+)/.exec(help.stdout)?.[1];
}

function configurationHome(environment: NodeJS.ProcessEnv): string {
  const directory = environment['XDG_CONFIG_HOME'];
  return directory !== undefined && path.isAbsolute(directory)
    ? directory
    : path.join(home(environment), '.config');
}

function home(environment: NodeJS.ProcessEnv): string {
  const directory = environment['HOME'];
  return directory === undefined || directory === '' ? homedir() : directory;
}

/** A file that is not there, or not for us to read, says nothing. */
async function readIfReadable(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

/** uv's variables allow `name=URL`. */
function withoutName(text: string): string {
  return text.replace(/^[A-Za-z0-9._-]+=(?=[a-z]+:)/, '');
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && /^(?:1|true|yes|on|y|t)$/i.test(value);
}
