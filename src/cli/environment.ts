import os from 'node:os';
import path from 'node:path';

/** Environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Directories of the XDG base directory specification, which requires relative values to be ignored. */
export function cacheHome(environment: Environment): string {
  return baseDirectory(environment, 'XDG_CACHE_HOME', '.cache');
}

export function configHome(environment: Environment): string {
  return baseDirectory(environment, 'XDG_CONFIG_HOME', '.config');
}

export function stateHome(environment: Environment): string {
  return baseDirectory(environment, 'XDG_STATE_HOME', path.join('.local', 'state'));
}

function baseDirectory(environment: Environment, variable: string, fallback: string): string {
  const configured = environment[variable];
  if (configured !== undefined && path.isAbsolute(configured)) return configured;
  const home = environment['HOME'];
  return path.join(home === undefined || home === '' ? os.homedir() : home, fallback);
}
