import { run } from '../io/process.ts';
import { words } from './index-layer.ts';
import { readPipLayers } from './pip-configuration.ts';
import { readUvLayers } from './uv-configuration.ts';

/** Where to look for Python distributions. */
export interface PythonIndexes {
  /** Base addresses of simple indexes (PEP 503), without a trailing slash, in the order to try them. */
  readonly indexes: readonly string[];
  /** Directories, or URLs of pages of links. */
  readonly findLinks: readonly string[];
}

/**
 * The indexes that the host is configured with: only those of `KSBUNDLE_PYTHON_INDEX` (one or several) if it is set;
 * otherwise the first index in the variables and files of uv and then pip, and every additional index there. Without
 * any, the default index of an installed pip or uv; `indexes` is empty if neither is installed.
 */
export async function readPythonIndexes(
  environment: NodeJS.ProcessEnv,
  hostRoot: string,
): Promise<PythonIndexes> {
  const own = words(environment['KSBUNDLE_PYTHON_INDEX']);
  if (own.length > 0) return { indexes: own.map(withoutSlash), findLinks: [] };

  const [uv, pip] = await Promise.all([
    readUvLayers(environment, hostRoot),
    readPipLayers(environment, hostRoot),
  ]);
  const layers = [uv.variables, pip.variables, ...uv.files, ...pip.files];
  const findLinks = [...new Set(layers.flatMap((layer) => layer.findLinks))];
  if (layers.some((layer) => layer.noIndex)) return { indexes: [], findLinks };

  const named = layers.map((layer) => layer.index).find((index) => index !== undefined);
  const index = named ?? (await askPip(environment)) ?? (await askUv(environment));
  const indexes = [...(index === undefined ? [] : [index]), ...layers.flatMap((layer) => layer.extra)];
  return { indexes: [...new Set(indexes.map(withoutSlash))], findLinks };
}

/** The default index of an installed pip, which defines it as a constant: ksbundle itself names no index. */
async function askPip(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const program = 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)';
  return /^https?:\/\/\S+$/m.exec(await outputOf(['python3', '-c', program], environment))?.[0];
}

/** The default index of an installed uv, read from its help on `--default-index`. */
async function askUv(environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const help = await outputOf(['uv', 'pip', 'install', '--help'], environment);
  return /--default-index\b[\s\S]*?by default: <?(https?:\/\/[^\s>)]+)/.exec(help)?.[1];
}

/** Standard output of a program; empty if it is not installed or fails. */
async function outputOf(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<string> {
  const variables = Object.entries(environment).filter(
    (pair): pair is [string, string] => pair[1] !== undefined,
  );
  const result = await run(argv, { environment: Object.fromEntries(variables), timeout: 30_000 });
  return result.exitCode === 0 ? result.stdout : '';
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
