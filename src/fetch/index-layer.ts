import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';

/** The settings for Python indexes from one place of configuration. */
export interface IndexLayer {
  /** The index that replaces the default one. */
  readonly index?: string | undefined;
  readonly extra: readonly string[];
  /** Directories, or URLs of pages of links. */
  readonly findLinks: readonly string[];
  readonly noIndex: boolean;
}

/** The layers of one tool, the strongest first. */
export interface ToolLayers {
  readonly variables: IndexLayer;
  readonly files: readonly IndexLayer[];
}

export function home(environment: NodeJS.ProcessEnv): string {
  const directory = environment['HOME'];
  return directory === undefined || directory === '' ? homedir() : directory;
}

export function configurationHome(environment: NodeJS.ProcessEnv): string {
  const directory = environment['XDG_CONFIG_HOME'];
  return directory !== undefined && path.isAbsolute(directory)
    ? directory
    : path.join(home(environment), '.config');
}

/** The text of a file; empty if it does not exist or this user may not read it. */
export async function readIfReadable(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

export function words(...texts: readonly (string | undefined)[]): string[] {
  return texts.flatMap((text) => (text ?? '').split(/\s+/)).filter((word) => word !== '');
}

export function isOn(value: string | undefined): boolean {
  return value !== undefined && /^(?:1|true|yes|on|y|t)$/i.test(value);
}
