import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError, type Problem } from '../../domain/errors.ts';
import { normalizeDistribution } from '../../domain/distribution.ts';
import type { WheelFile } from '../../domain/lock.ts';
import { unpackArchive } from '../../io/archive.ts';
import { listTree } from '../../io/files.ts';
import { firstHeader, parseHeaders } from './metadata.ts';
import { matchesHash, parseRecord } from './record.ts';

/** A wheel in its own directory; every file was checked against its RECORD. */
export interface UnpackedWheel {
  readonly root: string;
  /** Name of its `*.dist-info` directory. */
  readonly info: string;
  /** Name of its `*.data` directory, which may not exist. */
  readonly data: string;
  /** Paths of all its files, in byte order. */
  readonly files: readonly string[];
}

export interface WheelArchive {
  readonly wheel: WheelFile;
  /** Path of the wheel file. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
}

/** Files of the dist-info directory that RECORD does not list with a hash. */
const UNRECORDED: readonly string[] = ['RECORD', 'RECORD.jws', 'RECORD.p7s'];

/**
 * Unpacks a wheel to the new directory `root` and checks it against the PyPA "Binary distribution format": one
 * dist-info directory with the locked name and version, Wheel-Version 1, and a RECORD that lists exactly the files of
 * the wheel, with their hashes. Throws `KSB_WHEEL_INVALID` and what `unpackArchive` throws.
 */
export async function unpackWheel(
  { wheel, file, signal }: WheelArchive,
  root: string,
): Promise<UnpackedWheel> {
  await unpackArchive(file, root, { name: wheel.file, signal });
  const entries = await listTree(root);
  const files = entries.filter(({ kind }) => kind !== 'directory').map((entry) => entry.path);
  const infos = new Set(
    files.map((name) => name.split('/')[0] ?? '').filter((name) => name.endsWith('.dist-info')),
  );
  const [info] = infos;
  if (info === undefined || infos.size > 1) {
    throw invalid(wheel, [
      { code: 'dist-info', message: `it has ${infos.size} dist-info directories, but must have one` },
    ]);
  }
  const read = (name: string): Promise<string> =>
    readFile(path.join(root, info, name), 'utf8').catch(() => {
      throw invalid(wheel, [{ code: 'missing', message: `${info}/${name} is missing` }]);
    });
  const metadata = parseHeaders(await read('METADATA'));
  const problems: Problem[] = [
    ...checkIdentity(wheel, metadata),
    ...checkFormat(firstHeader(parseHeaders(await read('WHEEL')), 'wheel-version') ?? ''),
    ...entries
      .filter(({ kind }) => kind === 'symlink')
      .map((entry) => ({
        code: 'link',
        message: `${entry.path} is a symbolic link, which wheels cannot have`,
      })),
  ];
  if (problems.length === 0)
    problems.push(...(await checkRecord({ root, info, files, record: await read('RECORD') })));
  if (problems.length > 0) throw invalid(wheel, problems);
  return { root, info, data: info.replace(/\.dist-info$/u, '.data'), files };
}

function checkIdentity(wheel: WheelFile, metadata: ReturnType<typeof parseHeaders>): Problem[] {
  const name = firstHeader(metadata, 'name') ?? '';
  const version = firstHeader(metadata, 'version') ?? '';
  if (normalizeDistribution(name) === wheel.name && version === wheel.version) return [];
  return [
    {
      code: 'identity',
      message: `it is ${name} ${version}; the lockfile has ${wheel.name} ${wheel.version}`,
    },
  ];
}

function checkFormat(version: string): Problem[] {
  if (version.split('.')[0] === '1') return [];
  return [
    {
      code: 'wheel-version',
      message: `its Wheel-Version is ${JSON.stringify(version)}, but only 1 is supported`,
    },
  ];
}

interface RecordedFiles {
  readonly root: string;
  readonly info: string;
  readonly files: readonly string[];
  /** Text of RECORD. */
  readonly record: string;
}

async function checkRecord({ root, info, files, record }: RecordedFiles): Promise<Problem[]> {
  const unrecorded = new Set(UNRECORDED.map((name) => `${info}/${name}`));
  const recorded = new Map(parseRecord(record).map((line) => [line.path, line.hash]));
  const problems: Problem[] = [];
  for (const file of files) {
    if (unrecorded.has(file)) continue;
    const hash = recorded.get(file);
    if (hash === undefined) problems.push({ code: 'unlisted', message: `${file} is not in RECORD` });
    else if (!(await matchesHash(path.join(root, file), hash))) {
      problems.push({
        code: 'hash',
        message: `${file} does not match the hash in RECORD (${hash || 'none'})`,
      });
    }
  }
  const present = new Set(files);
  for (const file of recorded.keys()) {
    if (!present.has(file) && !unrecorded.has(file)) {
      problems.push({ code: 'missing', message: `${file} is in RECORD but not in the wheel` });
    }
  }
  return problems;
}

function invalid(wheel: WheelFile, problems: readonly Problem[]): KsbundleError {
  return new KsbundleError({
    code: 'KSB_WHEEL_INVALID',
    exitCode: ExitCode.integrity,
    message: `the wheel ${wheel.file} does not follow the binary distribution format`,
    why: problems[0]?.message ?? '',
    problems,
  });
}
