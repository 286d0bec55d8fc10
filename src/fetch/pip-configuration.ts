import path from 'node:path';
import {
  configurationHome,
  home,
  isOn,
  readIfReadable,
  words,
  type IndexLayer,
  type ToolLayers,
} from './index-layer.ts';

/** Reads pip's variables and files; see "Configuration" in pip's documentation. */
export async function readPipLayers(environment: NodeJS.ProcessEnv, hostRoot: string): Promise<ToolLayers> {
  const variables = {
    index: words(environment['PIP_INDEX_URL'])[0],
    extra: words(environment['PIP_EXTRA_INDEX_URL']),
    findLinks: words(environment['PIP_FIND_LINKS']),
    noIndex: isOn(environment['PIP_NO_INDEX']),
  };
  const texts = await Promise.all(filesOf(environment, hostRoot).map(readIfReadable));
  return { variables, files: texts.map(parseConfiguration) };
}

/** In order of precedence: the file that the environment names, the virtual environment's, the user's, the host's. */
function filesOf(environment: NodeJS.ProcessEnv, hostRoot: string): string[] {
  const { PIP_CONFIG_FILE: named, VIRTUAL_ENV: prefix } = environment;
  if (named === '/dev/null') return [];
  return [
    ...words(named),
    ...words(prefix).map((directory) => path.join(directory, 'pip.conf')),
    path.join(configurationHome(environment), 'pip/pip.conf'),
    path.join(home(environment), '.pip/pip.conf'),
    path.join(hostRoot, 'etc/pip.conf'),
    path.join(hostRoot, 'etc/xdg/pip/pip.conf'),
  ];
}

/** An INI file in which indented lines continue a value; a command's section takes precedence over `global`. */
function parseConfiguration(text: string): IndexLayer {
  const values = new Map<string, string>();
  let section = '';
  let key: string | undefined;
  for (const line of text.split('\n').filter((each) => !/^\s*[#;]/.test(each))) {
    const [, name] = /^\[([^\]]+)\]/.exec(line) ?? [];
    const [, option, value = ''] = /^([^\s=:][^=:]*?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
    if (name !== undefined) {
      section = name.trim();
      key = undefined;
    } else if (option !== undefined) {
      key = `${section}.${option.toLowerCase().replaceAll('_', '-')}`;
      values.set(key, value);
    } else if (key !== undefined && /^\s/.test(line)) {
      values.set(key, `${values.get(key) ?? ''} ${line.trim()}`);
    }
  }
  const get = (option: string): string | undefined =>
    ['download', 'install', 'global']
      .map((each) => values.get(`${each}.${option}`))
      .find((value) => value !== undefined);
  return {
    index: words(get('index-url'))[0],
    extra: words(get('extra-index-url')),
    findLinks: words(get('find-links')),
    noIndex: isOn(get('no-index')),
  };
}
