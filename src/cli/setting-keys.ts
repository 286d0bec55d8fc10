/** Keys of configuration files; `KSBUNDLE_<KEY>` with `_` in the environment and `--<key>` on the command line. */
export const SETTING_KEYS = [
  'platform',
  'jobs',
  'offline',
  'mirror',
  'out',
  'cache',
  'cache-from',
  'cache-key',
  'recipes',
  'lockfiles',
] as const;
export type SettingKey = (typeof SETTING_KEYS)[number];

/** Settings with several values, which are lines in the environment. */
export const LIST_KEYS: ReadonlySet<SettingKey> = new Set(['mirror', 'cache-from', 'cache-key']);

/** A setting with its origin, for messages and for relative paths. */
export interface RawValue {
  readonly value: unknown;
  /** For example `--jobs`, `KSBUNDLE_JOBS` or `/srv/project/ksbundle.toml:3: jobs`. */
  readonly origin: string;
  /** Absolute directory for relative paths in the value. */
  readonly base: string;
}
