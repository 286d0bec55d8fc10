import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';
import type { Launcher } from '../domain/recipe.ts';

const ENTRY_POINT = /^([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)$/u;

/**
 * A program that runs an entry point (`module:function`) with its own release's Python, from any directory and
 * through any number of symbolic links. POSIX sh; it uses `readlink` only if it was called through a link. Python
 * runs isolated (`-I`), so that it ignores PYTHON* variables and the user's site-packages, and writes no byte code
 * (`-B`), because a release is read-only.
 */
export function formatLauncher(launcher: Launcher): string {
  const [, module, name, rest] = ENTRY_POINT.exec(launcher.entryPoint) ?? [];
  if (module === undefined || name === undefined)
    throw new TypeError(`not an entry point: ${launcher.entryPoint}`);
  return `#!/bin/sh
# Runs ${launcher.entryPoint} with this release's own Python.
program=$0
case $program in
*/*) ;;
*) program=./$program ;;
esac
while [ -h "$program" ]; do
  target=$(readlink -- "$program") || exit 1
  case $target in
  /*) program=$target ;;
  *) program=\${program%/*}/$target ;;
  esac
done
bin=$(CDPATH='' cd -P -- "\${program%/*}" && pwd -P) || exit 1
exec "$bin/python3" -I -B -c 'import sys
del sys.argv[0]
from ${module} import ${name} as main
sys.exit(main${rest ?? ''}())' "$0" "$@"
`;
}

/**
 * Checks that every launcher runs a console script of an installed distribution. Throws `KSB_ENTRY_POINT_UNKNOWN`
 * with each launcher that does not, and the nearest entry point.
 */
export function checkLaunchers(launchers: readonly Launcher[], offered: ReadonlySet<string>): void {
  const problems: Problem[] = launchers
    .filter(({ entryPoint }) => !offered.has(entryPoint))
    .map(({ name, entryPoint }) => {
      const near = nearest(entryPoint, offered);
      return {
        code: 'entry-point',
        message: `launcher ${name}: no distribution of the bundle has the entry point ${entryPoint}`,
        ...(near === undefined ? {} : { hint: `did you mean ${near}?` }),
      };
    });
  if (problems.length === 0) return;
  throw new KsbundleError({
    code: 'KSB_ENTRY_POINT_UNKNOWN',
    exitCode: ExitCode.failed,
    message: `${problems.length} of the bundle's launchers name unknown entry points`,
    problems,
  });
}
