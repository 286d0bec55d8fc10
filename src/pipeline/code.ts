import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { hashBytes, hashTree } from '../io/files.ts';
import { packageVersion } from '../io/package-info.ts';

/** Folders of the code that determines a release's bytes. */
const STAGES = [
  'assemble',
  'audit',
  'build',
  'domain',
  'io',
  'lock',
  'pack',
  'pages',
  'pipeline',
  'recipe',
  'relocate',
];

/** Digest of the code that determines a release's bytes; the same sources have the same digest. */
export async function codeDigest(): Promise<Sha256> {
  const root = path.dirname(import.meta.dirname);
  return hashBytes(
    JSON.stringify(await Promise.all(STAGES.map((folder) => hashTree(path.join(root, folder))))),
  );
}

/** The version of ksbundle, with its code's digest as build metadata (semver.org). */
export async function codeVersion(): Promise<string> {
  return `${await packageVersion()}+${(await codeDigest()).slice(0, 16)}`;
}
