/** Keys of configuration files; `KSBUNDLE_<KEY>` in the environment and `--<key>` on the command line. */
export const SETTING_KEYS = [
  'platform',
  'jobs',
  'offline',
  'mirror',
  'out',
  'cache',
  'recipes',
  'lockfiles',
] as const;
export type SettingKey = (typeof SETTING_KEYS)[number];

/** A setting with its origin, for messages and for relative paths. */
export interface RawValue {
  readonly value: unknown;
  /** For example `--jobs`, `KSBUNDLE_JOBS` or `/srv/project/ksbundle.toml:3: jobs`. */
  readonly origin: string;
  /** Absolute directory for relative paths in the value. */
  readonly base: string;
}
