import path from 'node:path';
import type { Sha256 } from '../domain/digest.ts';
import { hashBytes, hashTree } from '../io/files.ts';
import { packageVersion } from '../io/package-info.ts';

/** Folders of the code that decides a release's bytes. */
const STAGES = [
  'assemble',
  'audit',
  'build',
  'domain',
  'io',
  'lock',
  'pack',
  'pipeline',
  'recipe',
  'relocate',
];

/** Digest of the code that decides a release's bytes: the same for everybody who compiled the same sources. */
export async function codeDigest(): Promise<Sha256> {
  const root = path.dirname(import.meta.dirname);
  return hashBytes(
    JSON.stringify(await Promise.all(STAGES.map((folder) => hashTree(path.join(root, folder))))),
  );
}

/** Which ksbundle this is: its version, and its code, as semantic versions name a build of one. */
export async function codeVersion(): Promise<string> {
  return `${await packageVersion()}+${(await codeDigest()).slice(0, 16)}`;
}
