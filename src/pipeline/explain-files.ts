import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { ChangedFile, ExplainedFile } from '../domain/results.ts';
import { runConfined, type Confinement } from '../io/confinement.ts';
import { findProgram } from '../io/find-program.ts';

export interface ExplainOptions {
  /** Directories of the two releases. */
  readonly original: string;
  readonly again: string;
  /** The confinement of diffoscope and the programs that it runs. */
  readonly confinement: Confinement;
  readonly signal: AbortSignal;
}

/** Limits for diffoscope: files, lines per report, and milliseconds per file. */
const MOST_FILES = 5;
const MOST_LINES = 40;
const PATIENCE = 120_000;

/**
 * Adds the first different offset to files with different bytes, and diffoscope's report to the first few, if the host
 * has it. It reads libraries and archives with the host's tools.
 */
export async function explainFiles(
  files: readonly ChangedFile[],
  options: ExplainOptions,
): Promise<readonly ExplainedFile[]> {
  const explained: ExplainedFile[] = [];
  let left = MOST_FILES;
  for (const file of files) {
    if (file.change !== 'changed' || !file.changed.includes('sha256')) {
      explained.push(file);
      continue;
    }
    const { original, again } = options;
    const [before, after] = [path.join(original, file.path), path.join(again, file.path)];
    const firstByte = firstDifference(await readFile(before), await readFile(after));
    const report = left > 0 ? await diffoscope(before, after, options) : undefined;
    // Not installed: skip the remaining files.
    left = report === undefined ? 0 : left - 1;
    explained.push({ ...file, firstByte, ...(report === undefined ? {} : { report }) });
  }
  return explained;
}

function firstDifference(one: Buffer, other: Buffer): number {
  const common = Math.min(one.length, other.length);
  for (let start = 0; start < common; start += BLOCK) {
    const end = Math.min(start + BLOCK, common);
    if (one.subarray(start, end).equals(other.subarray(start, end))) continue;
    for (let at = start; at < end; at += 1) if (one[at] !== other[at]) return at;
  }
  return common;
}

/** Bytes per comparison. */
const BLOCK = 4096;

/** The start of diffoscope's report; undefined without one. */
async function diffoscope(
  before: string,
  after: string,
  { confinement, signal }: ExplainOptions,
): Promise<readonly string[] | undefined> {
  const report = ['--text', '-', '--text-color', 'never', '--max-report-size', '100000'];
  const PATH = process.env['PATH'] ?? '';
  const program = await findProgram('diffoscope', PATH);
  if (program === undefined) return undefined;
  const command = {
    argv: [program, ...report, '--', before, after],
    environment: { PATH, LC_ALL: 'C.UTF-8' },
    directory: '/',
    // Its modules are beside its directory.
    view: { readable: [before, after, path.dirname(path.dirname(await realpath(program)))], writable: [] },
  };
  const result = await runConfined(confinement, command, { signal, timeout: PATIENCE });
  signal.throwIfAborted();
  // 1: there are differences. Any other exit code is an error of diffoscope itself, which is ignored.
  if (result.exitCode !== 1) return undefined;
  const lines = result.stdout.split('\n');
  const more = lines.length - MOST_LINES;
  return more > 0 ? [...lines.slice(0, MOST_LINES), `… and ${more} more lines`] : lines;
}
