import { createHash } from 'node:crypto';
import { lstat, open, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { isElf } from '../domain/elf/header.ts';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import { hasControlCharacter } from '../domain/inner-path.ts';
import {
  CHECKSUMS_FILE,
  MANIFEST_FILE,
  type Manifest,
  type ManifestFile,
  type ManifestLink,
  type Part,
  type ReleaseFacts,
  SBOM_FILE,
} from '../domain/manifest.ts';
import { manifestSchema } from '../domain/manifest-schema.ts';
import { hashFile, listTree } from '../io/files.ts';

export interface DescribeOptions {
  /** The release directory. */
  readonly directory: string;
  readonly facts: ReleaseFacts;
  /** Part by release path. */
  readonly parts: ReadonlyMap<string, Part>;
}

/**
 * Describes a release directory: its facts, and every file except those that packing writes. Throws
 * `KSB_RELEASE_NOT_PACKABLE` with every problem.
 */
export async function describeRelease({ directory, facts, parts }: DescribeOptions): Promise<Manifest> {
  const entries = await listTree(directory);
  const problems: Problem[] = [];
  const packed: FileToDescribe[] = [];
  const occupied = new Set(entries.map((entry) => path.posix.dirname(entry.path)));
  for (const { path: name, kind } of entries) {
    const why = whyNotPackable(name);
    if (why !== undefined) problems.push(problem(name, why));
    if (kind === 'directory' && !occupied.has(name)) problems.push(problem(name, 'it is an empty directory'));
    if (kind === 'other') problems.push(problem(name, 'it is not a file, directory or symbolic link'));
    if (kind === 'directory' || kind === 'other' || DESCRIPTIONS.has(name)) continue;
    const part = parts.get(name);
    if (part === undefined) problems.push(problem(name, 'it belongs to no part of the release'));
    else packed.push({ name, kind, part });
  }
  if (problems.length > 0) throw notPackable(problems);
  const files: (ManifestFile | ManifestLink)[] = [];
  for (let start = 0; start < packed.length; start += DESCRIBED_AT_ONCE) {
    const some = packed.slice(start, start + DESCRIBED_AT_ONCE);
    files.push(...(await Promise.all(some.map((file) => describeFile(directory, file)))));
  }
  return { format: 1, ...facts, files };
}

/**
 * Why a release cannot contain a file of this name; undefined if it can. `sha256sum` and a shell read checksums and
 * manifest line by line, without unescaping names.
 */
export function whyNotPackable(name: string): string | undefined {
  return hasControlCharacter(name) || /["\\]/u.test(name)
    ? 'its name has a control character, a backslash or a double quote'
    : undefined;
}

/** The files that packing itself writes, each made from the ones described before it. */
const DESCRIPTIONS: ReadonlySet<string> = new Set([SBOM_FILE, MANIFEST_FILE, CHECKSUMS_FILE]);

interface FileToDescribe {
  readonly name: string;
  readonly kind: 'file' | 'symlink';
  readonly part: Part;
}

const DESCRIBED_AT_ONCE = 16;

async function describeFile(
  directory: string,
  { name, kind, part }: FileToDescribe,
): Promise<ManifestFile | ManifestLink> {
  const file = path.join(directory, name);
  if (kind === 'symlink') return { path: name, part, target: await readlink(file) };
  const { size, mode } = await lstat(file);
  return {
    path: name,
    part,
    mode: (mode & 0o100) === 0 ? '644' : '755',
    size,
    sha256: await hashFile(file),
    ...((await isElfFile(file)) ? { sha512: await hashFile512(file) } : {}),
  };
}

async function isElfFile(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4);
    return isElf(buffer.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

async function hashFile512(file: string): Promise<string> {
  return createHash('sha512')
    .update(await readFile(file))
    .digest('hex');
}

function problem(name: string, why: string): Problem {
  return { code: 'not-packable', message: `${JSON.stringify(name)}: ${why}` };
}

function notPackable(problems: readonly Problem[]): KsbundleError {
  return new KsbundleError({
    code: 'KSB_RELEASE_NOT_PACKABLE',
    exitCode: ExitCode.failed,
    message: `the release contains ${problems.length} ${problems.length === 1 ? 'thing' : 'things'} that cannot be packed`,
    problems,
  });
}

/** Formats a manifest as JSON with one line for each file, so that diff can compare two releases. */
export function formatManifest({ files, ...facts }: Manifest): string {
  const head = JSON.stringify(facts, null, 2).replace(/\n\}$/u, '');
  const lines = files.map((entry) => `    ${JSON.stringify(entry)}`);
  return `${head},\n  "files": [\n${lines.join(',\n')}\n  ]\n}\n`;
}

/**
 * Parses a manifest; undefined if it does not have format 1, or names a path or the target of a link outside the
 * release. Returns the parsed object and not zod's copy, whose keys have another order: every byte of a manifest
 * counts.
 */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const document: unknown = JSON.parse(text);
    return isManifest(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

function isManifest(document: unknown): document is Manifest {
  return manifestSchema.safeParse(document).success;
}
