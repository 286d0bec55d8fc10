import { readdir } from 'node:fs/promises';
import path from 'node:path';

/** Messages of shells, make and env about a program that they did not find. */
const MISSING = [
  /^.*sh: (?:line )?\d+: ([\w.+-]+): (?:command )?not found$/u,
  /^.*sh: ([\w.+-]+): (?:command )?not found$/u,
  /^g?make(?:\[\d+\])?: ([\w.+-]+): (?:Command not found|No such file or directory)$/u,
  /^env: .?([\w.+-]+).?: No such file or directory$/u,
];

export interface MissingProgram {
  readonly name: string;
  /** All programs that a step finds by name, sorted. */
  readonly programs: readonly string[];
}

/** The program that a step's last lines report as missing; undefined if a directory on `searchPath` contains it. */
export async function findMissingProgram(
  lines: readonly string[],
  searchPath: string,
): Promise<MissingProgram | undefined> {
  const names = lines.flatMap((line) => MISSING.flatMap((pattern) => pattern.exec(line)?.[1] ?? []));
  if (names.length === 0) return undefined;
  const directories = searchPath.split(path.delimiter).filter((directory) => path.isAbsolute(directory));
  const lists = await Promise.all(directories.map((directory) => readdir(directory).catch(() => [])));
  const programs = [...new Set(lists.flat())].filter((name) => !name.startsWith('.')).sort();
  const name = names.toReversed().find((each) => !programs.includes(each));
  return name === undefined ? undefined : { name, programs };
}
