import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../../src/io/process.ts';
import type { Machine } from './machine.ts';

/**
 * Makes a certificate of its own for these addresses, and its key: `FILE.pem` and `FILE.key` in the machine, or below
 * another root. Needs the host's openssl; returns the certificate as PEM.
 */
export async function makeCertificate(
  { root }: Pick<Machine, 'root'>,
  file: string,
  addresses: readonly string[],
): Promise<string> {
  const place = path.join(root, file);
  await mkdir(path.dirname(place), { recursive: true });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const alternatives = addresses.map((address) => `IP:${address}`).join(',');
  const names = ['-subj', `/CN=${path.basename(file)}`, '-addext', `subjectAltName=${alternatives}`];
  const files = ['-keyout', `${place}.key`, '-out', `${place}.pem`];
  const made = await run(['openssl', 'req', '-x509', ...key, ...names, '-days', '90', ...files]);
  if (made.exitCode !== 0) throw new Error(made.stderr);
  return readFile(`${place}.pem`, 'utf8');
}

/** The answers that name such a certificate and its key. */
export function tlsAnswers(file: string): string[] {
  return [`--tls-cert=${file}.pem`, `--tls-key=${file}.key`];
}
