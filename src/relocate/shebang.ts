import path from 'node:path';

export interface ScriptPlace {
  /** Release path of the script. */
  readonly file: string;
  readonly executable: boolean;
  /** Directories that exist only during the build, such as the placeholder prefix. */
  readonly buildDirectories: readonly string[];
  /** Release path of the Python interpreter, if there is one. */
  readonly python?: string;
}

const SHELLS = new Set(['sh', 'dash', 'ash']);

/**
 * A replacement for a script's shebang line without paths of a host or of the build machine; undefined if it may stay.
 * Executable Python scripts find the release's interpreter relative to themselves, even through symbolic links. Leaves
 * interpreters that the release lacks for the audit to report.
 */
export function relocateShebang(line: string, script: ScriptPlace): string | undefined {
  const parsed = parseShebang(line);
  if (parsed === undefined) return undefined;
  const { interpreter, name, parameters } = parsed;
  const isBuildPath = script.buildDirectories.some(
    (directory) => interpreter === directory || interpreter.startsWith(`${directory}/`),
  );
  if (!script.executable) return isBuildPath ? `#!/usr/bin/env ${name}` : undefined;
  if (/^python[\d.]*$/.test(name) && script.python !== undefined && /^[-\w ]*$/.test(parameters)) {
    return pythonLauncher(script.file, script.python, parameters);
  }
  const isElsewhere = isBuildPath || path.posix.basename(interpreter) === 'env';
  return SHELLS.has(name) && isElsewhere
    ? `#!/bin/sh${parameters === '' ? '' : ` ${parameters}`}`
    : undefined;
}

interface Shebang {
  /** The path the kernel would run. */
  readonly interpreter: string;
  /** File name of the final interpreter. */
  readonly name: string;
  readonly parameters: string;
}

/** Reads a shebang line; looks through `env` and `env -S`. */
export function parseShebang(line: string): Shebang | undefined {
  const [, interpreter, rest = ''] = /^#!\s*(\S+)\s*(.*?)\s*$/u.exec(line) ?? [];
  if (interpreter === undefined) return undefined;
  if (path.posix.basename(interpreter) !== 'env') {
    return { interpreter, name: path.posix.basename(interpreter), parameters: rest };
  }
  const [, program = 'env', parameters = ''] = /^(?:-S\s+)?(\S+)\s*(.*)$/u.exec(rest) ?? [];
  return { interpreter, name: path.posix.basename(program), parameters };
}

/** Three lines that are both a shell script that executes Python, and a Python string without effect. */
function pythonLauncher(file: string, python: string, parameters: string): string {
  const relative = path.posix.relative(path.posix.dirname(file), python);
  const options = parameters === '' ? '' : `${parameters} `;
  return [
    '#!/bin/sh',
    `'''exec' "$(dirname -- "$(readlink -f -- "$0")")/${relative}" ${options}"$0" "$@"`,
    "' '''",
  ].join('\n');
}
