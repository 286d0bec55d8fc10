import type { PositionalSpec } from '../command.ts';
import type { OptionName } from '../options.ts';

export const BUNDLE: PositionalSpec = {
  name: 'BUNDLE',
  required: false,
  help: 'bundle to work on; you may omit it if there is only one',
};
export const FILE: PositionalSpec = {
  name: 'FILE',
  required: true,
  help: 'tarball, or - for standard input',
  completes: 'file',
};
export const NAME: PositionalSpec = {
  name: 'NAME',
  required: true,
  help: 'lower-case words joined by "-", such as my-shop',
};

export const RECIPE_OPTIONS: readonly OptionName[] = ['platform', 'recipes', 'lockfiles', 'cache'];
/** Of commands that take components from shared build caches. */
export const SHARED_CACHE_OPTIONS: readonly OptionName[] = ['cache-from', 'cache-key', 'cache-only'];
export const FETCH_OPTIONS: readonly OptionName[] = ['offline', 'mirror', 'jobs'];
