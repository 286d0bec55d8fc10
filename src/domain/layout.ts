/**
 * The prefix that components are configured with. It exists on no machine: DESTDIR installs files below it. The audit
 * reports every file of a release that still contains it.
 */
export const PLACEHOLDER_PREFIX = '/__ksbundle_prefix__';

/**
 * The RPATH that the compiler wrapper links with. It is long enough to be overwritten in place by any `$ORIGIN/…`
 * that a release needs; see src/relocate/.
 */
export const PLACEHOLDER_RPATH = `/__ksbundle_rpath__/${'x'.repeat(108)}`;

/** Directory of a release for shared libraries. */
export const LIBRARY_DIRECTORY = 'lib';

/** Directories of a release for its own sources: recipes with the files beside them, and its lockfile. */
export const RECIPES_DIRECTORY = 'share/ksbundle/recipes';
export const LOCKFILES_DIRECTORY = 'share/ksbundle/lockfiles';

/** Time stamp of all built and packed files: 2026-01-01T00:00:00Z, in seconds since the epoch. */
export const SOURCE_DATE_EPOCH = 1767225600;

/** Directory of services below `init/`, in projects and releases; it has one directory for each service. */
export const SERVICES_DIRECTORY = 'services';
