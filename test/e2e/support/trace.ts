import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { compareBytes } from '../../../src/io/files.ts';

/** A file that a program opened, or started as a program. Paths are the machine's. */
export interface Opened {
  readonly program: string;
  readonly file: string;
}

/** Where a traced command's output goes: it cannot go to a pipe, which strace would keep open. */
const OUTPUT = 'output';

/**
 * The command that follows another and all it starts with strace(1), in the background, and writes one trace for each
 * process to `directory`. What the command itself says is read with `tracedOutput`.
 */
export function straceInto(directory: string): string[] {
  return [
    'sh',
    '-c',
    'exec "$@" >"$0" 2>&1',
    path.join(directory, OUTPUT),
    'strace',
    '--daemonize',
    '--follow-forks',
    '--output-separately',
    '-o',
    path.join(directory, 'trace'),
    '--decode-fds=path',
    '--decode-pids=pidns',
    '--string-limit=4096',
    '--quiet=all',
    '--signal=none',
    '--trace=open,openat,openat2,execve,execveat,clone,clone3,fork,vfork',
  ];
}

export async function tracedOutput(directory: string): Promise<string> {
  return readFile(path.join(directory, OUTPUT), 'utf8');
}

/** Everything that was opened or executed with success, each once for each program, sorted. */
export async function readTraces(directory: string, machineRoot: string): Promise<Opened[]> {
  const traces = new Map<number, readonly string[]>();
  for (const name of (await readdir(directory)).filter((entry) => entry !== OUTPUT)) {
    const lines = (await readFile(path.join(directory, name), 'utf8')).split('\n');
    traces.set(Number(name.replace(/^trace\./, '')), lines);
  }
  const opened = new Map<string, Opened>();
  const visited = new Set<number>();
  const visit = (pid: number, inherited: string): void => {
    visited.add(pid);
    let program = inherited;
    for (const line of traces.get(pid) ?? []) {
      const executed = executedFile(line);
      if (executed !== undefined) program = insideOf(machineRoot, executed);
      const file = executed ?? openedFile(line);
      if (file !== undefined) {
        const entry = { program, file: insideOf(machineRoot, file) };
        opened.set(JSON.stringify(entry), entry);
      }
      const child = startedChild(line);
      if (child !== undefined && traces.has(child)) visit(child, program);
    }
  };
  visit(Math.min(...traces.keys()), '');
  const lost = [...traces.keys()].filter((pid) => !visited.has(pid));
  if (lost.length > 0) throw new Error(`the traces of processes ${lost.join(', ')} have no parent`);
  return [...opened.values()].toSorted(
    (a, b) => compareBytes(a.file, b.file) || compareBytes(a.program, b.program),
  );
}

/** `execve("/bin/sh", […], …) = 0`. */
function executedFile(line: string): string | undefined {
  const [, file] = /^execve\("((?:[^"\\]|\\.)*)".*\) += 0$/.exec(line) ?? [];
  return file === undefined ? undefined : unescape(file);
}

/** `openat(AT_FDCWD</>, "etc/hosts", O_RDONLY) = 3</etc/hosts>`: what was really opened stands at the end. */
function openedFile(line: string): string | undefined {
  const [, file] = /^open(?:at2?)?\(.*\) += \d+<((?:[^>\\]|\\.)*)>(?:\(deleted\))?$/.exec(line) ?? [];
  return file === undefined ? undefined : unescape(file);
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
