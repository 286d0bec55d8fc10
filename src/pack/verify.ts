import { createHash } from 'node:crypto';
import path from 'node:path';
import { sha256, type Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError, type Problem } from '../domain/errors.ts';
import {
  CHECKSUMS_FILE,
  MANIFEST_FILE,
  KEY_KINDS,
  signatureFile,
  type KeyKind,
  type Manifest,
  type ManifestFile,
  type ManifestLink,
} from '../domain/manifest.ts';
import type { VerifyResult } from '../domain/results.ts';
import { readLeadingFiles, visitReleaseTarball, type LeadingFile, type ReleaseEntry } from '../io/archive.ts';
import { hashBytes } from '../io/files.ts';
import { parseChecksums } from '../domain/checksums.ts';
import type { VerifyingKey } from './key.ts';
import { parseManifest, whyNotPackable } from './manifest.ts';
import { requireSignatures } from './signature.ts';

/** A file, link or directory found in a tarball; `path` is relative to the release directory. */
interface Found {
  readonly kind: ReleaseEntry['kind'];
  readonly mode: string;
  readonly size: number;
  readonly target: string;
  readonly sha256: Sha256;
}

interface Content {
  readonly release: string;
  readonly entries: ReadonlyMap<string, Found>;
  readonly manifest: Buffer;
  readonly checksums: Buffer;
  /** Bytes of the tarball. */
  readonly bytes: number;
  readonly problems: readonly Problem[];
}

export interface VerifyOptions {
  /** Keys that must all have signed the release; without keys, no signature is checked. */
  readonly keys?: readonly VerifyingKey[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks every byte of a release tarball against the checksums and the manifest inside, and that it contains nothing
 * else. With keys, also checks that their owners signed the checksums, and the whole file if its signature is beside
 * it. Throws `KSB_VERIFY_FAILED` with every changed, missing or additional file, `KSB_ARCHIVE_DAMAGED` for a broken
 * archive, `KSB_UNSIGNED` and `KSB_SIGNATURE_INVALID`. Without a key it does not detect a forged release that is
 * consistent in itself.
 */
export async function verifyTarball(
  file: string,
  { keys = [], signal }: VerifyOptions = {},
): Promise<VerifyResult> {
  const leading = await readLeadingFiles(file);
  const content = await readContent(file, leading, signal);
  const manifest = parseManifest(content.manifest.toString());
  const checksums = parseChecksums(content.checksums.toString());
  const problems = [...content.problems];
  if (manifest === undefined)
    problems.push({ code: 'manifest', message: `${MANIFEST_FILE} is missing or damaged` });
  else problems.push(...compareManifest(content.entries, manifest));
  if (checksums === undefined)
    problems.push({ code: 'checksums', message: `${CHECKSUMS_FILE} is missing or damaged` });
  else problems.push(...compareChecksums(content.entries, checksums));
  const signatures = new Map<KeyKind, Buffer>();
  for (const { path: place, content: signature } of leading) {
    // Each once, in their order.
    const kind = KEY_KINDS.slice(signatures.size).find(
      (each) => place === `${content.release}/${signatureFile(each)}`,
    );
    if (kind === undefined || signatures.has(kind))
      problems.push({ code: 'extra', message: `${place} is not part of the release` });
    else signatures.set(kind, signature);
  }
  if (problems.length > 0) throw failed(file, problems);
  for (const key of keys) await requireSignatures(file, key, { checksums: content.checksums, signatures });
  const filesChecked = [...content.entries.values()].filter(({ kind }) => kind !== 'directory').length;
  const unchecked = leading.length === 0 ? 'none' : 'unchecked';
  return {
    file: path.resolve(file),
    release: content.release,
    releaseId: hashBytes(content.checksums),
    filesChecked,
    signature: keys.length === 0 ? unchecked : 'valid',
    keys: keys.map(({ id }) => id),
    bytes: content.bytes,
  };
}

async function readContent(
  file: string,
  leading: readonly LeadingFile[],
  signal: AbortSignal | undefined,
): Promise<Content> {
  const entries = new Map<string, Found>();
  const problems: Problem[] = [];
  const texts = new Map<string, Buffer>();
  let release: string | undefined;
  const bytes = await visitReleaseTarball(file, { leading }, async (entry) => {
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
    if (keep) texts.set(name, Buffer.concat(chunks));
    if (top !== release) problems.push({ code: 'extra', message: `${entry.path} lies outside ${release}/` });
    problems.push(...faultsOf(entry, name));
    entries.set(name, {
      kind: entry.kind,
      mode: entry.mode.toString(8),
      size: entry.size,
      target: entry.target,
      sha256: sha256(hash.digest('hex')),
    });
  });
  const text = (name: string): Buffer => texts.get(name) ?? Buffer.alloc(0);
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

/**
 * Rules that apply without the manifest: all directories have one mode, all links have one mode, and names fit into
 * lists of lines.
 */
function faultsOf({ path: place, kind, mode }: ReleaseEntry, name: string): Problem[] {
  const problems: Problem[] = [];
  const packed = kind === 'directory' ? 0o755 : kind === 'symlink' ? 0o777 : mode;
  if (mode !== packed) {
    const change = `its mode is ${mode.toString(8)}, but it was packed as ${packed.toString(8)}`;
    problems.push({ code: 'changed', message: `${place}: ${change}` });
  }
  if (name === '' && kind !== 'directory')
    problems.push({ code: 'changed', message: `${place} is not a directory` });
  const why = whyNotPackable(place);
  if (why !== undefined) problems.push({ code: 'name', message: `${JSON.stringify(place)}: ${why}` });
  return problems;
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
        message: `${file.path}: its ${what} is ${there}, but it was packed as ${packed}`,
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

/** Differences from the manifest: name of the property, packed value, found value. */
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
      problems.push({ code: 'missing', message: `${name} is in ${CHECKSUMS_FILE}, but it is missing` });
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
    hint: 'get the tarball again from its builder',
    problems,
  });
}
