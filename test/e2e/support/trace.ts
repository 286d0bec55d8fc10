import { compareBytes } from '../../../src/domain/compare-bytes.ts';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** A file that a program opened or executed. Paths are the machine's. */
export interface Opened {
  readonly program: string;
  readonly file: string;
}

/** Calls that open files and start programs, and that create processes. */
const OPENING = ['open', 'openat', 'openat2', 'execve', 'execveat', 'clone', 'clone3', 'fork', 'vfork'];

/** Further calls that change directory entries and rights; see path_resolution(7). */
export const CHANGING: readonly string[] = [
  'creat mkdir mkdirat mknod mknodat bind chdir fchdir',
  'rename renameat renameat2 unlink unlinkat rmdir link linkat symlink symlinkat',
  'chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat',
  'truncate ftruncate fallocate setxattr lsetxattr fsetxattr utime utimes utimensat',
].flatMap((calls) => calls.split(' '));

/** File for a traced command's output: strace would keep a pipe open. */
const OUTPUT = 'output';

/**
 * The command that follows another and all it starts with strace(1), in the background, and writes one trace for each
 * process to `directory`. `tracedOutput` reads the command's own output. Traces calls that open files, and `others`.
 */
export function straceInto(directory: string, others: readonly string[] = []): string[] {
  return [
    'sh',
    '-c',
    'exec "$@" >"$0" 2>&1',
    path.join(directory, OUTPUT),
    'strace',
    '--daemonize',
    '--follow-forks',
    // Only the requested calls stop a traced process.
    '--seccomp-bpf',
    '--output-separately',
    '-o',
    path.join(directory, 'trace'),
    '--decode-fds=path',
    '--decode-pids=pidns',
    '--string-limit=4096',
    '--quiet=all',
    '--signal=none',
    // Leaves out calls that this strace does not know.
    `--trace=${[...OPENING, ...others].map((call) => `?${call}`).join(',')}`,
  ];
}

export async function tracedOutput(directory: string): Promise<string> {
  return readFile(path.join(directory, OUTPUT), 'utf8');
}

/** Every file opened or executed successfully, once for each program, sorted. */
export async function readTraces(directory: string, machineRoot: string): Promise<Opened[]> {
  return visitTraces(directory, machineRoot, (line) => {
    const file = executedFile(line) ?? openedFile(line);
    return file === undefined ? [] : [file];
  });
}

/**
 * Every file successfully created, opened for writing, renamed, removed or changed in rights, once for each program,
 * sorted. The trace must include `CHANGING`.
 */
export async function readChanges(directory: string, machineRoot: string): Promise<Opened[]> {
  return visitTraces(directory, machineRoot, (line, cwd) => {
    const [, call, rest] = /^(\w+)\((.*)\) += (?:0|\d+<.*)$/.exec(line) ?? [];
    if (call === undefined || rest === undefined) return [];
    if (call.startsWith('open')) {
      const opened = openedFile(line);
      return opened !== undefined && /\bO_(?:WRONLY|RDWR|CREAT|TRUNC)\b/.test(rest) ? [opened] : [];
    }
    if (call === 'bind') return boundSockets(rest, cwd);
    return CHANGING.includes(call) && !call.endsWith('chdir') ? namedFiles(rest, cwd) : [];
  });
}

/** Results of `read` for each line of the traces, with the working directory. */
async function visitTraces(
  directory: string,
  machineRoot: string,
  read: (line: string, cwd: string) => string[],
): Promise<Opened[]> {
  const traces = new Map<number, readonly string[]>();
  for (const name of (await readdir(directory)).filter((entry) => entry !== OUTPUT)) {
    const lines = (await readFile(path.join(directory, name), 'utf8')).split('\n');
    traces.set(Number(name.replace(/^trace\./, '')), lines);
  }
  const found = new Map<string, Opened>();
  const visit = (pid: number, inherited: { readonly program: string; readonly cwd: string }): void => {
    let { program, cwd } = inherited;
    for (const line of traces.get(pid) ?? []) {
      const executed = executedFile(line);
      if (executed !== undefined) program = insideOf(machineRoot, executed);
      cwd = enteredDirectory(line, cwd) ?? cwd;
      for (const file of read(line, cwd)) {
        const entry = { program, file: insideOf(machineRoot, file) };
        found.set(JSON.stringify(entry), entry);
      }
      const child = startedChild(line);
      if (child !== undefined && traces.has(child)) visit(child, { program, cwd });
    }
  };
  const children = new Set([...traces.values()].flat().map(startedChild));
  // Not the lowest number: numbers are reused.
  const [first, ...orphans] = [...traces.keys()].filter((pid) => !children.has(pid));
  if (first === undefined || orphans.length > 0) {
    throw new Error(`the traces of processes ${orphans.join(', ')} have no parent`);
  }
  visit(first, { program: '', cwd: '/' });
  return [...found.values()].toSorted(
    (a, b) => compareBytes(a.file, b.file) || compareBytes(a.program, b.program),
  );
}

/** `execve("/bin/sh", […], …) = 0`. */
function executedFile(line: string): string | undefined {
  const [, file] = /^execve\("((?:[^"\\]|\\.)*)".*\) += 0$/.exec(line) ?? [];
  return file === undefined ? undefined : unescape(file);
}

/** `openat(AT_FDCWD</>, "etc/hosts", O_RDONLY) = 3</etc/hosts>`: the opened file is at the end. */
function openedFile(line: string): string | undefined {
  const [, file] = /^open(?:at2?)?\(.*\) += \d+<((?:[^>\\]|\\.)*)>(?:\(deleted\))?$/.exec(line) ?? [];
  return file === undefined ? undefined : unescape(file);
}

/** `chdir("run") = 0`, `fchdir(3</srv>) = 0`. */
function enteredDirectory(line: string, cwd: string): string | undefined {
  if (!/^f?chdir\(.*\) += 0$/.test(line)) return undefined;
  return namedFiles(line.slice(line.indexOf('(') + 1, line.lastIndexOf(')')), cwd)[0];
}

/**
 * The files that parameters of a call name: descriptors with what they lead to, and paths, which begin at the directory
 * that a descriptor before them leads to, or at the working directory.
 */
function namedFiles(parameters: string, cwd: string): string[] {
  const files: string[] = [];
  let base: string | undefined;
  const parts =
    /(?:\bAT_FDCWD|(?<=^|, )\d+)<(?<descriptor>(?:[^>\\]|\\.)*)>(?:\(deleted\))?|(?<=^|, )"(?<name>(?:[^"\\]|\\.)*)"/g;
  for (const { groups = {} } of parameters.matchAll(parts)) {
    const { descriptor, name } = groups;
    if (descriptor !== undefined) {
      if (base !== undefined) files.push(base);
      base = unescape(descriptor);
    } else if (name !== undefined) {
      files.push(path.posix.resolve(base ?? cwd, unescape(name)));
      base = undefined;
    }
  }
  return base === undefined ? files : [...files, base];
}

/** `bind(3<socket:[1]>, {sa_family=AF_UNIX, sun_path="socket"}, 110)`: a socket that is a file. */
function boundSockets(parameters: string, cwd: string): string[] {
  const [, name] = /\bsun_path="((?:[^"\\]|\\.)*)"/.exec(parameters) ?? [];
  return name === undefined ? [] : [path.posix.resolve(cwd, unescape(name))];
}

/** `clone(…) = 5 /* 4711 in strace's PID NS … `, or a number alone where the namespace is strace's own. */
function startedChild(line: string): number | undefined {
  const [, inside, outside] =
    /^(?:clone3?|v?fork)\(.*\) += (\d+)(?: \/\* (\d+) in strace's PID NS \*\/)?$/.exec(line) ?? [];
  return inside === undefined ? undefined : Number(outside ?? inside);
}

/** Undoes strace's C escapes: octal bytes of UTF-8, and a backslash before quotes and itself. */
function unescape(text: string): string {
  const bytes: Buffer[] = [];
  for (const [part, octal, character] of text.matchAll(/\\([0-7]{1,3})|\\(.)|[^\\]+/g)) {
    bytes.push(octal === undefined ? Buffer.from(character ?? part) : Buffer.from([parseInt(octal, 8)]));
  }
  return Buffer.concat(bytes).toString();
}

function insideOf(machineRoot: string, file: string): string {
  return file.startsWith(`${machineRoot}/`) ? file.slice(machineRoot.length) : file;
}
