import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withTemporaryDirectory } from '../io/files.ts';
import { run } from '../io/process.ts';
import type { Signable, SigningKey, VerifyingKey } from './key.ts';

/*
 * ML-DSA (FIPS 204), signed and verified by the `openssl` program, version 3.5 or later, over whole texts (`pkeyutl
 * -rawin`), without a context. Node's own OpenSSL supports it only since Node 24.
 */

/** Absolute path of an `openssl` that supports ML-DSA. Throws `KSB_HOST_TOOL_MISSING`. */
export type FindOpenssl = () => Promise<string>;

/**
 * The start of an AlgorithmIdentifier of ML-DSA in DER, without the last byte, which gives the strength:
 * 2.16.840.1.101.3.4.3.17 to 19.
 */
const ALGORITHM = Buffer.from('300b06096086480165030403', 'hex');
/** Only the headers of SubjectPublicKeyInfo or PrivateKeyInfo come before it. */
const LARGEST_START = 16;

/** Whether a PEM text contains an unencrypted ML-DSA key; the start of its DER says so. */
export function holdsMlDsa(pem: string): boolean {
  const start = derOf(pem).subarray(0, LARGEST_START + ALGORITHM.length);
  return start.includes(ALGORITHM);
}

/** The contents of the first block of a PEM text. */
export function derOf(pem: string): Buffer {
  const [, body = ''] = /-----BEGIN [^-]*-----([\sA-Za-z0-9+/=]*)-----END /u.exec(pem) ?? [];
  return Buffer.from(body, 'base64');
}

/** The public key of a private one, in PEM; undefined if OpenSSL cannot read it as a key of ML-DSA. */
export async function publicOf(
  openssl: string,
  { pem, passphrase }: { readonly pem: string; readonly passphrase: string },
): Promise<string | undefined> {
  const { exitCode, stdout } = await runOpenssl(openssl, ['pkey', '-in', '/dev/stdin', '-pubout'], {
    pem,
    passphrase,
  });
  return exitCode === 0 && holdsMlDsa(stdout) ? stdout : undefined;
}

/** Whether OpenSSL can read a public key. */
export async function isReadable(openssl: string, pem: string): Promise<boolean> {
  return (
    (await runOpenssl(openssl, ['pkey', '-pubin', '-in', '/dev/stdin', '-noout'], { pem })).exitCode === 0
  );
}

export function mlDsaSigner(
  openssl: string,
  secret: { readonly pem: string; readonly passphrase: string },
): SigningKey['sign'] {
  return (content) =>
    withFileOf(content, async (file, directory) => {
      const signature = path.join(directory, 'signature');
      const { exitCode, stderr } = await runOpenssl(
        openssl,
        ['pkeyutl', '-sign', '-rawin', '-inkey', '/dev/stdin', '-in', file, '-out', signature],
        secret,
      );
      if (exitCode !== 0) throw new Error(`openssl pkeyutl -sign failed: ${stderr}`);
      return readFile(signature);
    });
}

export function mlDsaVerifier(openssl: string, pem: string): VerifyingKey['verify'] {
  return (content, signature) =>
    withFileOf(content, async (file, directory) => {
      const given = path.join(directory, 'signature');
      await writeFile(given, signature);
      const { exitCode } = await runOpenssl(
        openssl,
        ['pkeyutl', '-verify', '-rawin', '-pubin', '-inkey', '/dev/stdin', '-in', file, '-sigfile', given],
        { pem },
      );
      return exitCode === 0;
    });
}

/** Provides the data to sign as a file, with a directory for temporary files. */
async function withFileOf<T>(
  content: Signable,
  work: (file: string, directory: string) => Promise<T>,
): Promise<T> {
  return withTemporaryDirectory(tmpdir(), async (directory) => {
    if (!Buffer.isBuffer(content)) return work(content.file, directory);
    const file = path.join(directory, 'content');
    await writeFile(file, content);
    return work(file, directory);
  });
}

/**
 * Passes keys through a pipe and passphrases through the environment: neither is written to disk or appears in argv.
 * A shell makes the pipe: Node gives a program a socket as its standard input, which `/dev/stdin` cannot open.
 */
function runOpenssl(
  openssl: string,
  parameters: readonly string[],
  { pem, passphrase = '' }: { readonly pem: string; readonly passphrase?: string },
): ReturnType<typeof run> {
  const asked = parameters.includes('-pubin') ? [] : ['-passin', 'env:KSBUNDLE_PASSPHRASE'];
  return run(['sh', '-c', 'cat | "$@"', 'sh', openssl, ...parameters, ...asked], {
    input: pem,
    environment: { LC_ALL: 'C', KSBUNDLE_PASSPHRASE: passphrase },
    extendEnvironment: true,
  });
}
