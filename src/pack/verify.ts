import { createHash } from 'node:crypto';
import path from 'node:path';
import { sha256, type Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import {
  CHECKSUMS_FILE,
  MANIFEST_FILE,
  type Manifest,
  type ManifestFile,
  type ManifestLink,
} from '../domain/manifest.ts';
import type { VerifyResult } from '../domain/results.ts';
import { visitReleaseTarball, type ArchiveEntry } from '../io/archive.ts';
import { parseChecksums } from './checksums.ts';
import { parseManifest } from './manifest.ts';

/** A file, link or directory as it was found in a tarball; `path` is below the release directory. */
interface Found {
  readonly kind: ArchiveEntry['kind'];
  readonly mode: string;
  readonly size: number;
  readonly target: string;
  readonly sha256: Sha256;
}

interface Content {
  readonly release: string;
  readonly entries: ReadonlyMap<string, Found>;
  readonly manifest: string;
  readonly checksums: string;
  /** Bytes of the tarball. */
  readonly bytes: number;
  readonly problems: readonly Problem[];
}

/**
 * Checks a release tarball, every byte of it: against the checksums and the manifest inside, and that nothing else is
 * there. Throws `KSB_VERIFY_FAILED` naming every file that is changed, missing or extra, and `KSB_ARCHIVE_DAMAGED`
 * where the archive itself is broken. It cannot tell a release that somebody made anew as a whole: that is
 * what signatures are for.
 */
export async function verifyTarball(file: string, signal?: AbortSignal): Promise<VerifyResult> {
  const content = await readContent(file, signal);
  const manifest = parseManifest(content.manifest);
  const checksums = parseChecksums(content.checksums);
  const problems = [...content.problems];
  if (manifest === undefined)
    problems.push({ code: 'manifest', message: `${MANIFEST_FILE} is missing or damaged` });
  else problems.push(...compareManifest(content.entries, manifest));
  if (checksums === undefined)
    problems.push({ code: 'checksums', message: `${CHECKSUMS_FILE} is missing or damaged` });
  else problems.push(...compareChecksums(content.entries, checksums));
  if (problems.length > 0) throw failed(file, problems);
  const filesChecked = [...content.entries.values()].filter(({ kind }) => kind !== 'directory').length;
  return { file: path.resolve(file), release: content.release, filesChecked, bytes: content.bytes };
}

async function readContent(file: string, signal: AbortSignal | undefined): Promise<Content> {
  const entries = new Map<string, Found>();
  const problems: Problem[] = [];
  const texts = new Map<string, string>();
  let release: string | undefined;
  const bytes = await visitReleaseTarball(file, async (entry) => {
    signal?.throwIfAborted();
    const [top = '', ...rest] = entry.path.replace(/\/$/u, '').split('/');
    release ??= top;
    const name = rest.join('/');
    const keep = name === MANIFEST_FILE || name === CHECKSUMS_FILE;
    const chunks: Buffer[] = [];
    const hash = createHash('sha256');
    for await (const chunk of entry.content) {
      hash.update(chunk);
      if (keep) chunks.push(chunk);
    }
    if (keep) texts.set(name, Buffer.concat(chunks).toString());
    if (top !== release) problems.push({ code: 'extra', message: `${entry.path} lies outside ${release}/` });
    else if (entries.has(name)) problems.push({ code: 'extra', message: `${name} is there twice` });
    entries.set(name, {
      kind: entry.kind,
      mode: ((entry.mode ?? 0) & 0o7777).toString(8),
      size: entry.size,
      target: entry.target,
      sha256: sha256(hash.digest('hex')),
    });
  });
  const text = (name: string): string => texts.get(name) ?? '';
  entries.delete('');
  return {
    release: release ?? '',
    entries,
    manifest: text(MANIFEST_FILE),
    checksums: text(CHECKSUMS_FILE),
    bytes,
    problems,
  };
}

function compareManifest(entries: ReadonlyMap<string, Found>, manifest: Manifest): Problem[] {
  const problems: Problem[] = [];
  const expected = new Set([MANIFEST_FILE, CHECKSUMS_FILE]);
  for (const file of manifest.files) {
    expected.add(file.path);
    const found = entries.get(file.path);
    if (found === undefined) {
      problems.push({ code: 'missing', message: `${file.path} is missing` });
      continue;
    }
    for (const [what, packed, there] of differences(file, found)) {
      problems.push({
        code: 'changed',
        message: `${file.path}: its ${what} is ${there}, packed was ${packed}`,
      });
    }
  }
  const directories = new Set([...expected].flatMap(parentsOf));
  for (const [name, { kind }] of entries) {
    const known = kind === 'directory' ? directories.has(name) : expected.has(name);
    if (!known) problems.push({ code: 'extra', message: `${name} is not part of the release` });
  }
  return problems;
}

/** What is not as the manifest says: name of the property, packed value, found value. */
function differences(file: ManifestFile | ManifestLink, found: Found): (readonly [string, string, string])[] {
  const properties: (readonly [string, string, string])[] =
    'target' in file
      ? [
          ['kind', 'symlink', found.kind],
          ['target', file.target, found.target],
        ]
      : [
          ['kind', 'file', found.kind],
          ['mode', file.mode, found.mode],
          ['size', String(file.size), String(found.size)],
          ['SHA-256', file.sha256, found.sha256],
        ];
  return properties.filter(([, packed, there]) => packed !== there);
}

function parentsOf(file: string): string[] {
  const parts = file.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

function compareChecksums(
  entries: ReadonlyMap<string, Found>,
  checksums: ReadonlyMap<string, Sha256>,
): Problem[] {
  const problems: Problem[] = [];
  for (const [name, digest] of checksums) {
    const found = entries.get(name);
    if (found === undefined)
      problems.push({ code: 'missing', message: `${name} is in ${CHECKSUMS_FILE} and not there` });
    else if (found.sha256 !== digest)
      problems.push({ code: 'changed', message: `${name} differs from ${CHECKSUMS_FILE}` });
  }
  for (const [name, { kind }] of entries) {
    if (kind === 'file' && name !== CHECKSUMS_FILE && !checksums.has(name)) {
      problems.push({ code: 'extra', message: `${name} is not in ${CHECKSUMS_FILE}` });
    }
  }
  return problems;
}

function failed(file: string, problems: readonly Problem[]): KsbundleError {
  return new KsbundleError({
    code: 'KSB_VERIFY_FAILED',
    exitCode: ExitCode.integrity,
    message: `${path.basename(file)} is not as it was packed`,
    why: problems[0]?.message ?? '',
    hint: 'get the tarball again from where it was built',
    problems,
  });
}
