/**
 * The prefix that components are configured with. It exists on no machine: files are installed below it with
 * DESTDIR, and whatever still names it in a release is a finding of the audit.
 */
export const PLACEHOLDER_PREFIX = '/__ksbundle_prefix__';

/**
 * The RPATH that the compiler wrapper links with. Long enough to be overwritten in place by any
 * `$ORIGIN/…` a release needs; see src/relocate/.
 */
export const PLACEHOLDER_RPATH = `/__ksbundle_rpath__/${'x'.repeat(108)}`;

/** Directory of a release that holds its shared libraries. */
export const LIBRARY_DIRECTORY = 'lib';

/** Directories of a release that hold what it was made from: recipes with the files beside them, and its lockfile. */
export const RECIPES_DIRECTORY = 'share/ksbundle/recipes';
export const LOCKFILES_DIRECTORY = 'share/ksbundle/lockfiles';

/** Time stamp of everything that is built and packed: 2026-01-01T00:00:00Z, in seconds since the epoch. */
export const SOURCE_DATE_EPOCH = 1767225600;

/** Where services lie below `init/`, in a project as in a release: a directory each. */
export const SERVICES_DIRECTORY = 'services';
