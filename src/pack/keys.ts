import {
  X509Certificate,
  createHash,
  createPrivateKey,
  createPublicKey,
  createSign,
  createVerify,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { sha256, type Sha256 } from '../domain/digest.ts';
import { ExitCode, isErrnoException, KsbundleError } from '../domain/errors.ts';
import type { KeyCurve, KeygenResult } from '../domain/results.ts';
import {
  derOf,
  holdsMlDsa,
  isReadable,
  mlDsaSigner,
  mlDsaVerifier,
  publicOf,
  type FindOpenssl,
} from './ml-dsa.ts';
import type { Signable, SigningKey, VerifyingKey } from './key.ts';

/**
 * NIST's curves for keys, by OpenSSL's names, each with a digest of the same strength (FIPS 186-5). Every OpenSSL
 * since 1.0 supports them.
 */
const CURVES: Readonly<Record<KeyCurve, { readonly name: string; readonly digest: string }>> = {
  'p-256': { name: 'prime256v1', digest: 'sha256' },
  'p-384': { name: 'secp384r1', digest: 'sha384' },
};

export interface NewKey extends PrivateKeyFile {
  readonly curve?: KeyCurve | undefined;
}

export interface PrivateKeyFile {
  readonly file: string;
  /** File with the key's passphrase in its first line. */
  readonly passphraseFile?: string | undefined;
}

/**
 * Writes a new pair of keys: the private one to `file`, readable by its owner only, the public one to `<file>.pub`. A
 * passphrase encrypts the private key. Never overwrites a file. Throws `KSB_KEY_EXISTS` and what
 * reading a passphrase throws.
 */
export async function generateKeys({ file, passphraseFile, curve = 'p-256' }: NewKey): Promise<KeygenResult> {
  const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: CURVES[curve].name });
  const cipher = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  const publicFile = `${file}.pub`;
  await writeNewFile(publicFile, publicKey.export({ format: 'pem', type: 'spki' }), 0o644);
  try {
    await writeNewFile(file, privateKey.export({ format: 'pem', type: 'pkcs8', ...cipher }), 0o600);
  } catch (error) {
    await rm(publicFile, { force: true });
    throw error;
  }
  return { privateKey: path.resolve(file), publicKey: path.resolve(publicFile), key: idOf(publicKey) };
}

async function writeNewFile(file: string, content: string | Buffer, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode).catch((error: unknown) => {
    if (!isErrnoException(error, 'EEXIST')) throw error;
    throw keyError('KSB_KEY_EXISTS', `${file} already exists`, {
      why: 'an overwritten key cannot be recovered',
      hint: 'choose another name',
    });
  });
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Reads a private key to sign with: ECDSA on P-256 or P-384, or ML-DSA, in PEM, as `ksbundle keygen` or OpenSSL
 * writes it, encrypted or not. Throws `KSB_KEY_EXPOSED` for a file that others may read, `KSB_KEY_INVALID` for
 * anything that cannot sign, and `KSB_HOST_TOOL_MISSING` for an ML-DSA key if the host has no OpenSSL that supports
 * ML-DSA.
 */
export async function readSigningKey(
  { file, passphraseFile }: PrivateKeyFile,
  openssl: FindOpenssl,
): Promise<SigningKey> {
  const pem = await readSecret(file);
  const encrypted = /^-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/mu.test(pem);
  if (encrypted && passphraseFile === undefined) {
    throw keyError('KSB_KEY_ENCRYPTED', `the key ${file} is encrypted`, {
      hint: 'pass --passphrase-file FILE; its first line is the passphrase',
    });
  }
  const passphrase = encrypted && passphraseFile !== undefined ? await readPassphrase(passphraseFile) : '';
  const object = parsePrivateKey(pem, passphrase);
  if (object !== undefined && !isMlDsa(object)) {
    const digest = digestOf(object, file);
    const sign = async (content: Signable): Promise<Buffer> =>
      (await feed(content, createSign(digest))).sign(object);
    return { kind: 'ecdsa', id: idOf(createPublicKey(object)), sign };
  }
  // Only OpenSSL can tell the type of an encrypted key. Without one, a wrong passphrase is the most likely cause.
  const isPlain = holdsMlDsa(pem);
  const tool = isPlain ? await openssl() : encrypted ? await openssl().catch(() => undefined) : undefined;
  const publicPem = tool === undefined ? undefined : await publicOf(tool, { pem, passphrase });
  if (tool !== undefined && publicPem !== undefined)
    return { kind: 'ml-dsa', id: idOfDer(derOf(publicPem)), sign: mlDsaSigner(tool, { pem, passphrase }) };
  const unknown = tool === undefined ? ', or it is an ML-DSA key, which requires OpenSSL 3.5' : '';
  // Leaves out OpenSSL's message: it is about OpenSSL's internals, and may show a secret.
  throw keyError('KSB_KEY_INVALID', `${file} cannot be read as a private key`, {
    why: encrypted
      ? `the passphrase is wrong, or the file is damaged${unknown}`
      : 'it contains no private key in PEM',
    hint: 'make one: ksbundle keygen FILE',
  });
}

function parsePrivateKey(pem: string, passphrase: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pem, format: 'pem', passphrase });
  } catch {
    return undefined;
  }
}

/** Whether Node's own OpenSSL recognises the key as ML-DSA. */
function isMlDsa({ asymmetricKeyType }: KeyObject): boolean {
  return String(asymmetricKeyType).startsWith('ml-dsa');
}

/**
 * Reads a public key to verify with: ECDSA on P-256 or P-384 in PEM, or an X.509 certificate for one; or ML-DSA in
 * PEM. Throws `KSB_KEY_EXPIRED` for a certificate that is not valid at the time of this host's clock,
 * `KSB_KEY_INVALID` for anything else, including a private key, and `KSB_HOST_TOOL_MISSING` for an ML-DSA key if the
 * host has no OpenSSL that supports ML-DSA.
 */
export async function readVerifyingKey(file: string, openssl: FindOpenssl): Promise<VerifyingKey> {
  const pem = await readText(file);
  if (pem.includes('PRIVATE KEY-----')) {
    throw keyError('KSB_KEY_INVALID', `${file} is a private key`, {
      why: 'a release is verified with the public key; the private key stays where releases are signed',
      hint: `extract the public key: openssl pkey -in ${file} -pubout`,
    });
  }
  if (holdsMlDsa(pem)) {
    const tool = await openssl();
    if (!(await isReadable(tool, pem))) throw notPublic(file);
    return { kind: 'ml-dsa', id: idOfDer(derOf(pem)), verify: mlDsaVerifier(tool, pem) };
  }
  const object = parsePublicKey(pem, file);
  const digest = digestOf(object, file);
  const verify = async (content: Signable, signature: Buffer): Promise<boolean> =>
    (await feed(content, createVerify(digest))).verify(object, signature);
  return { kind: 'ecdsa', id: idOf(object), verify };
}

async function feed<T extends { readonly update: (chunk: Buffer) => unknown }>(
  content: Signable,
  target: T,
): Promise<T> {
  if (Buffer.isBuffer(content)) target.update(content);
  else
    for await (const chunk of createReadStream(content.file, { highWaterMark: 1 << 20 }))
      target.update(chunk as Buffer);
  return target;
}

function parsePublicKey(pem: string, file: string): KeyObject {
  try {
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) return createPublicKey({ key: pem, format: 'pem' });
    const certificate = new X509Certificate(pem);
    requireValidity(certificate, file);
    return certificate.publicKey;
  } catch (error) {
    if (error instanceof KsbundleError) throw error;
    throw notPublic(file);
  }
}

function notPublic(file: string): KsbundleError {
  return keyError('KSB_KEY_INVALID', `${file} cannot be read as a public key`, {
    why: 'it contains no public key in PEM, and no certificate for an ECDSA key',
    hint: 'use the .pub file that ksbundle keygen wrote',
  });
}

function requireValidity({ validFrom, validTo }: X509Certificate, file: string): void {
  const now = Date.now();
  if (Date.parse(validFrom) <= now && now <= Date.parse(validTo)) return;
  throw new KsbundleError({
    code: 'KSB_KEY_EXPIRED',
    exitCode: ExitCode.integrity,
    message: `the certificate ${file} is not valid now`,
    why: `it is valid from ${validFrom} to ${validTo}, and the clock of this host says ${new Date(now).toUTCString()}`,
    hint: 'ask for a release that is signed with a valid key, or correct the clock',
  });
}

function digestOf(object: KeyObject, file: string): string {
  const name = object.asymmetricKeyDetails?.namedCurve;
  const curve = Object.values(CURVES).find((each) => each.name === name);
  if (curve !== undefined) return curve.digest;
  throw keyError(
    'KSB_KEY_INVALID',
    `${file} is neither an ECDSA key on the curve P-256 or P-384 nor an ML-DSA key`,
    {
      why: `it is ${[object.asymmetricKeyType, name].filter((word) => word !== undefined).join(' on ')}`,
      hint: 'make one: ksbundle keygen FILE',
    },
  );
}

function idOf(publicKey: KeyObject): Sha256 {
  return idOfDer(publicKey.export({ format: 'der', type: 'spki' }));
}

function idOfDer(der: Buffer): Sha256 {
  return sha256(createHash('sha256').update(der).digest('hex'));
}

async function readPassphrase(file: string): Promise<string> {
  const [line = ''] = (await readSecret(file)).split(/\r?\n/u, 1);
  if (line !== '') return line;
  throw keyError('KSB_KEY_INVALID', `${file} contains no passphrase`, { why: 'its first line is empty' });
}

/**
 * Reads a file that only its owner may read. A pipe, such as a shell's `<(…)`, has no such mode, and nobody else can
 * read it.
 */
async function readSecret(file: string): Promise<string> {
  return readText(file, (mode) => {
    if ((mode & 0o077) === 0) return;
    throw keyError('KSB_KEY_EXPOSED', `other users may read or write ${file}`, {
      why: `its mode is ${(mode & 0o777).toString(8)}`,
      hint: `chmod 600 ${file}, and replace the secret if somebody may have read it`,
    });
  });
}

async function readText(file: string, checkMode: (mode: number) => void = () => undefined): Promise<string> {
  try {
    const handle = await open(file);
    try {
      const status = await handle.stat();
      if (status.isFile()) checkMode(status.mode);
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof KsbundleError) throw error;
    throw keyError('KSB_KEY_INVALID', `cannot read ${file}`, {
      why: error instanceof Error ? error.message : String(error),
    });
  }
}

function keyError(
  code: string,
  message: string,
  more: { readonly why?: string; readonly hint?: string },
): KsbundleError {
  return new KsbundleError({ code, exitCode: ExitCode.usage, message, ...more });
}
