import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import {
  CHECKSUMS_FILE,
  KEY_KINDS,
  signatureFile,
  SIGNATURE_SUFFIXES,
  type KeyKind,
} from '../domain/manifest.ts';
import type { SignResult } from '../domain/results.ts';
import { findContent, replaceLeadingFiles } from '../io/archive.ts';
import { hashBytes, writeFileAtomically } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { isSignedBy, parseEnvelope, sealEnvelope } from './envelope.ts';
import type { SigningKey, VerifyingKey } from './key.ts';
import { notARelease } from './not-a-release.ts';
import {
  envelopeFile,
  parseProvenance,
  provenanceFile,
  PROVENANCE_TYPE,
  type Provenance,
} from './provenance.ts';

/*
 * Each key makes two signatures, in the formats of `openssl`: ECDSA over the key's digest in DER, ML-DSA over the
 * whole text. The signature of the checksums is inside the tarball, to verify an unpacked release; the signature of
 * the file is beside it, to verify the tarball before it is unpacked.
 */

/** File with the signature of a whole file by a key of this kind. */
export function detachedSignature(file: string, kind: KeyKind = 'ecdsa'): string {
  return `${file}${SIGNATURE_SUFFIXES[kind]}`;
}

/** All files beside a tarball that contain signatures. */
export function allSignatures(file: string): readonly string[] {
  return [...KEY_KINDS.map((kind) => detachedSignature(file, kind)), envelopeFile(file)];
}

/**
 * Signs a release tarball in place with keys of different kinds, and replaces signatures that it has; the bytes after
 * the signatures do not change. Also signs the provenance beside it. The caller has verified the release. Throws
 * `KSB_NOT_A_RELEASE`, `KSB_RELEASE_TOO_OLD` for ML-DSA if the release's installer would report the signature as an
 * added file,
 * `KSB_PROVENANCE_INVALID` for provenance of another release, and `KSB_DISK_FULL`.
 */
export async function signTarball(file: string, keys: readonly SigningKey[]): Promise<SignResult> {
  let release = '';
  const checksums = await findContent(file, (name) => {
    const [top = '', ...rest] = name.split('/');
    release = top;
    return rest.join('/') === CHECKSUMS_FILE;
  });
  if (checksums === undefined) throw notARelease(file, `it has no ${CHECKSUMS_FILE}`);
  if (keys.some(({ kind }) => kind === 'ml-dsa')) await requireKnown(file, signatureFile('ml-dsa'));
  const provenance = await readProvenance(file, checksums);
  const leading = [];
  for (const key of keys)
    leading.push({ path: `${release}/${signatureFile(key.kind)}`, content: await key.sign(checksums) });
  // Removes old signatures first, so that between the writes no signature belongs to another tarball.
  for (const stale of allSignatures(file)) await rm(stale, { force: true });
  const sha256 = await replaceLeadingFiles(file, leading);
  const signatures = await signDetached(file, keys);
  if (provenance !== undefined) {
    const subject = [...provenance.subject, { name: `signed/${path.basename(file)}`, digest: { sha256 } }];
    const bytes = Buffer.from(JSON.stringify({ ...provenance, subject }));
    await writeFileAtomically(envelopeFile(file), await sealEnvelope({ type: PROVENANCE_TYPE, bytes }, keys));
  }
  return { file: path.resolve(file), sha256, signatures, keys: keys.map(({ id }) => id) };
}

/** Signs the bytes of any file and writes the signatures beside it. Returns their absolute paths. */
export async function signDetached(file: string, keys: readonly SigningKey[]): Promise<string[]> {
  const signatures = [];
  for (const key of keys) {
    const signature = detachedSignature(file, key.kind);
    await writeFileAtomically(signature, await key.sign({ file }));
    signatures.push(path.resolve(signature));
  }
  return signatures;
}

/** Throws if the release's own bootstrap.sh does not know the signature file: it would refuse to run with it. */
async function requireKnown(file: string, signature: string): Promise<void> {
  const bootstrap = await findContent(
    file,
    (name) => name.split('/').slice(1).join('/') === 'init/bootstrap.sh',
  );
  if (bootstrap?.includes(signature) !== false) return;
  throw new KsbundleError({
    code: 'KSB_RELEASE_TOO_OLD',
    exitCode: ExitCode.usage,
    message: `${path.basename(file)} cannot be signed with ML-DSA`,
    why: `its bootstrap.sh comes from an older ksbundle, and would report ${signature} as an added file`,
    hint: 'build the release again, or sign it only with the ECDSA key',
  });
}

/** The provenance beside a tarball, if any. */
async function readProvenance(file: string, checksums: Buffer): Promise<Provenance | undefined> {
  const text = await ifThere(readFile(provenanceFile(file), 'utf8'));
  if (text === undefined) return undefined;
  const provenance = parseProvenance(text);
  const releaseId = hashBytes(checksums);
  if (provenance?.subject.some(({ digest }) => digest.sha256 === releaseId) === true) return provenance;
  throw new KsbundleError({
    code: 'KSB_PROVENANCE_INVALID',
    exitCode: ExitCode.integrity,
    message: `${provenanceFile(file)} is not the provenance of ${path.basename(file)}`,
    why: 'none of its subjects is this release',
    hint: 'get the file that was built with the tarball, or remove it to sign the tarball alone',
  });
}

export interface SignedTarball {
  readonly checksums: Buffer;
  /** The signatures of the checksums at the start of the tarball. */
  readonly signatures: ReadonlyMap<KeyKind, Buffer>;
}

/**
 * Verifies that the owner of the key signed the checksums, and the files beside the tarball: the signature of the
 * file, and the provenance, which must belong to this release. Throws `KSB_UNSIGNED` and `KSB_SIGNATURE_INVALID`.
 */
export async function requireSignatures(
  file: string,
  key: VerifyingKey,
  { checksums, signatures }: SignedTarball,
): Promise<void> {
  const name = path.basename(file);
  const signature = signatures.get(key.kind);
  if (signature === undefined) {
    throw new KsbundleError({
      code: 'KSB_UNSIGNED',
      exitCode: ExitCode.integrity,
      message:
        signatures.size === 0 ? `${name} is not signed` : `${name} has no signature of this kind of key`,
      why: `it contains no ${signatureFile(key.kind)}`,
      hint: 'get the signed tarball; or, if you trust this one, sign it: ksbundle sign FILE --key KEY',
    });
  }
  if (!(await key.verify(checksums, signature))) throw invalid(name, key);
  await checkDetached(file, key);
  const text = await ifThere(readFile(envelopeFile(file), 'utf8'));
  if (text === undefined) return;
  const releaseId = hashBytes(checksums);
  const provenance = await signedProvenance(text, key);
  if (provenance?.subject.some(({ digest }) => digest.sha256 === releaseId) !== true)
    throw invalid(path.basename(envelopeFile(file)), key);
}

/** The provenance in an envelope; undefined if the text is something else, or the key did not sign it. */
async function signedProvenance(text: string, key: VerifyingKey): Promise<Provenance | undefined> {
  const envelope = parseEnvelope(text);
  if (envelope?.type !== PROVENANCE_TYPE || !(await isSignedBy(envelope, key))) return undefined;
  return parseProvenance(envelope.bytes.toString());
}

/** Verifies that the owner of the key signed the bytes of a file. Throws `KSB_UNSIGNED` and `KSB_SIGNATURE_INVALID`. */
export async function requireDetachedSignature(file: string, key: VerifyingKey): Promise<void> {
  if (await checkDetached(file, key)) return;
  throw new KsbundleError({
    code: 'KSB_UNSIGNED',
    exitCode: ExitCode.integrity,
    message: `${path.basename(file)} is not signed`,
    why: `there is no signature beside it, in ${path.basename(detachedSignature(file, key.kind))}`,
    hint: 'get the signature from the same source as the file',
  });
}

/** False if there is no signature beside the file; throws `KSB_SIGNATURE_INVALID` if the key did not make it. */
async function checkDetached(file: string, key: VerifyingKey): Promise<boolean> {
  const signature = detachedSignature(file, key.kind);
  const detached = await ifThere(readFile(signature));
  if (detached === undefined) return false;
  if (!(await key.verify({ file }, detached))) throw invalid(path.basename(signature), key);
  return true;
}

function invalid(name: string, { id }: VerifyingKey): KsbundleError {
  return new KsbundleError({
    code: 'KSB_SIGNATURE_INVALID',
    exitCode: ExitCode.integrity,
    message: `the signature of ${name} was not made with this key`,
    why: `the key is sha256:${id}; somebody else signed it, or the signature was altered`,
    hint: 'check that this is the key that signs your releases; do not use the tarball until you know',
  });
}
