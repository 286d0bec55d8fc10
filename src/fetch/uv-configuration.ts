import path from 'node:path';
import {
  configurationHome,
  isOn,
  readIfReadable,
  words,
  type IndexLayer,
  type ToolLayers,
} from './index-layer.ts';

const NOTHING: IndexLayer = { extra: [], findLinks: [], noIndex: false };

/** Reads uv's variables and files; see "Configuration files" and "Package indexes" in uv's documentation. */
export async function readUvLayers(environment: NodeJS.ProcessEnv, hostRoot: string): Promise<ToolLayers> {
  const variables = {
    index: words(environment['UV_DEFAULT_INDEX'], environment['UV_INDEX_URL']).map(withoutName)[0],
    extra: words(environment['UV_INDEX'], environment['UV_EXTRA_INDEX_URL']).map(withoutName),
    findLinks: words(environment['UV_FIND_LINKS']?.replaceAll(',', ' ')),
    noIndex: isOn(environment['UV_NO_INDEX']),
  };
  const texts = await Promise.all(filesOf(environment, hostRoot).map(readIfReadable));
  return { variables, files: await Promise.all(texts.map(parseConfiguration)) };
}

function filesOf(environment: NodeJS.ProcessEnv, hostRoot: string): string[] {
  if (isOn(environment['UV_NO_CONFIG'])) return [];
  const named = words(environment['UV_CONFIG_FILE']);
  if (named.length > 0) return named;
  return [path.join(configurationHome(environment), 'uv/uv.toml'), path.join(hostRoot, 'etc/uv/uv.toml')];
}

async function parseConfiguration(text: string): Promise<IndexLayer> {
  if (text === '') return NOTHING;
  const { parse } = await import('toml');
  let settings: Record<string, unknown>;
  try {
    settings = parse(text) as Record<string, unknown>;
  } catch {
    return NOTHING;
  }
  const tables = (list(settings['index']) as Record<string, unknown>[]).filter(
    (table) => table['explicit'] !== true,
  );
  const urlsOf = (isDefault: boolean): unknown[] =>
    tables.filter((table) => (table['default'] === true) === isDefault).map((table) => table['url']);
  return {
    index: [...urlsOf(true), settings['index-url']].find(isText),
    extra: [...urlsOf(false), ...list(settings['extra-index-url'])].filter(isText),
    findLinks: list(settings['find-links']).filter(isText),
    noIndex: settings['no-index'] === true,
  };
}

/** uv's variables allow `name=URL`. */
function withoutName(text: string): string {
  return text.replace(/^[A-Za-z0-9._-]+=(?=[a-z]+:)/, '');
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
