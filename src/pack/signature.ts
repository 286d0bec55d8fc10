import { createSign, createVerify, sign, verify } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { CHECKSUMS_FILE, SIGNATURE_FILE } from '../domain/manifest.ts';
import type { SignResult } from '../domain/results.ts';
import { findContent, replaceLeadingFile } from '../io/archive.ts';
import { hashBytes, writeFileAtomically } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { envelopeFile, openEnvelope, sealProvenance } from './envelope.ts';
import type { Key } from './keys.ts';
import { notARelease } from './not-a-release.ts';
import { parseProvenance, provenanceFile, type Provenance } from './provenance.ts';

/*
 * Two signatures, both ECDSA over the key's digest in DER, as `openssl dgst -sha256 -verify` (`-sha384` for P-384) takes them. That of the checksums travels
 * inside, for the release once it is unpacked; that of the file lies beside it, for who has not unpacked it yet.
 */

/** Where the signature of a whole tarball lies. */
export function detachedSignature(file: string): string {
  return `${file}.sig`;
}

/**
 * Signs a release tarball in place, anew if it was signed before; what follows the signature keeps its bytes. Provenance that
 * lies beside it is signed with it. The caller has made sure that the release is sound. Throws `KSB_NOT_A_RELEASE`,
 * `KSB_PROVENANCE_INVALID` for provenance of another release, and `KSB_DISK_FULL`.
 */
export async function signTarball(file: string, key: Key): Promise<SignResult> {
  let release = '';
  const checksums = await findContent(file, (name) => {
    const [top = '', ...rest] = name.split('/');
    release = top;
    return rest.join('/') === CHECKSUMS_FILE;
  });
  if (checksums === undefined) throw notARelease(file, `it has no ${CHECKSUMS_FILE}`);
  const signature = detachedSignature(file);
  const provenance = await readProvenance(file, checksums);
  // First of all: between the writes none must be there that does not fit.
  for (const stale of [signature, envelopeFile(file)]) await rm(stale, { force: true });
  const sha256 = await replaceLeadingFile(file, {
    path: `${release}/${SIGNATURE_FILE}`,
    content: sign(key.digest, checksums, key.object),
  });
  await signDetached(file, key);
  if (provenance !== undefined) {
    const subject = [...provenance.subject, { name: `signed/${path.basename(file)}`, digest: { sha256 } }];
    await writeFileAtomically(envelopeFile(file), sealProvenance({ ...provenance, subject }, key));
  }
  return { file: path.resolve(file), sha256, signature: path.resolve(signature), key: key.id };
}

/** Signs the bytes of any file; the signature goes beside it. Returns its path. */
export async function signDetached(file: string, key: Key): Promise<string> {
  const signature = detachedSignature(file);
  const signer = createSign(key.digest);
  await feed(file, signer);
  await writeFileAtomically(signature, signer.sign(key.object));
  return signature;
}

/** The provenance beside a tarball, if there is one. */
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
  readonly key: Key;
  readonly checksums: Buffer;
  /** What leads the tarball, if anything. */
  readonly signature: Buffer | undefined;
}

/**
 * Makes sure that the owner of the key signed the checksums, and what lies beside the tarball: the signature of the file, and
 * provenance, which must be of this release. Throws
 * `KSB_UNSIGNED` and `KSB_SIGNATURE_INVALID`.
 */
export async function requireSignatures(
  file: string,
  { key, checksums, signature }: SignedTarball,
): Promise<void> {
  const name = path.basename(file);
  if (signature === undefined) {
    throw new KsbundleError({
      code: 'KSB_UNSIGNED',
      exitCode: ExitCode.integrity,
      message: `${name} is not signed`,
      hint: 'get the signed tarball; or, if you trust this one, sign it: ksbundle sign FILE --key KEY',
    });
  }
  if (!verify(key.digest, checksums, key.object, signature)) throw invalid(name, key);
  await checkDetached(file, key);
  const envelope = await ifThere(readFile(envelopeFile(file), 'utf8'));
  if (envelope === undefined) return;
  const releaseId = hashBytes(checksums);
  const provenance = openEnvelope(envelope, key);
  if (provenance?.subject.some(({ digest }) => digest.sha256 === releaseId) !== true)
    throw invalid(path.basename(envelopeFile(file)), key);
}

/** Makes sure that the owner of the key signed the bytes of any file. Throws `KSB_UNSIGNED` and `KSB_SIGNATURE_INVALID`. */
export async function requireDetachedSignature(file: string, key: Key): Promise<void> {
  if (await checkDetached(file, key)) return;
  throw new KsbundleError({
    code: 'KSB_UNSIGNED',
    exitCode: ExitCode.integrity,
    message: `${path.basename(file)} is not signed`,
    why: `its signature would be beside it, in ${path.basename(detachedSignature(file))}`,
    hint: 'get the signature from the same source as the file',
  });
}

/** False if no signature lies beside the file; throws `KSB_SIGNATURE_INVALID` for one that is not the key owner's. */
async function checkDetached(file: string, key: Key): Promise<boolean> {
  const detached = await ifThere(readFile(detachedSignature(file)));
  if (detached === undefined) return false;
  const verifier = createVerify(key.digest);
  await feed(file, verifier);
  if (!verifier.verify(key.object, detached)) throw invalid(path.basename(detachedSignature(file)), key);
  return true;
}

async function feed(file: string, target: { readonly update: (chunk: Buffer) => unknown }): Promise<void> {
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 }))
    target.update(chunk as Buffer);
}

function invalid(name: string, { id }: Key): KsbundleError {
  return new KsbundleError({
    code: 'KSB_SIGNATURE_INVALID',
    exitCode: ExitCode.integrity,
    message: `the signature of ${name} was not made with this key`,
    why: `the key is sha256:${id}; somebody else signed it, or the signature was altered`,
    hint: 'check that this is the key that signs your releases; do not use the tarball until you know',
  });
}
