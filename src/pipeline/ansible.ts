import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { AnsibleResult } from '../domain/results.ts';
import { copyFile, exists, hashFile, listTree, removeTree } from '../io/files.ts';
import { packageRoot } from '../io/package-info.ts';
import { readManifestFromTarball } from '../pack/inspect.ts';
import { verifyFile } from './sign.ts';

/** Where Ansible looks for the collection below a directory of collections, and the file that identifies it there. */
const COLLECTION = 'ansible_collections/ksbundle/release';
const IDENTITY = 'galaxy.yml';
const ROLE = 'roles/ksbundle';

export interface AnsibleOptions {
  /** Absolute path of the directory to run Ansible in; it may exist. */
  readonly directory: string;
  /** Absolute path of the public key whose owner must have signed the release; hosts then check it as well. */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Verifies a tarball, then writes an Ansible collection that carries it, with an example of an inventory and of
 * settings. Replaces the collection of an earlier call, and no other file. Throws `KSB_ANSIBLE_EXISTS`, or what
 * `verifyFile` throws; nothing is written then.
 */
export async function writeCollection(
  file: string,
  { directory, key, signal }: AnsibleOptions,
): Promise<AnsibleResult> {
  const verified = await verifyFile(file, { keys: key === undefined ? [] : [key], signal });
  const { bundle } = await readManifestFromTarball(file);
  const collection = path.join(directory, COLLECTION);
  await requireOwn(collection);
  const sha256 = await hashFile(file);
  const values: Readonly<Record<string, string>> = {
    bundle,
    release: verified.release,
    releaseId: verified.releaseId,
    sha256,
    key: key === undefined ? '' : 'release.pub',
  };
  const unfinished = `${collection}.${process.pid}`;
  await removeTree(unfinished);
  try {
    const templates = path.join(packageRoot(), 'templates/ansible');
    await copyTexts(path.join(templates, COLLECTION), unfinished, values);
    const carried = path.join(unfinished, ROLE, 'files');
    await copyFile(file, path.join(carried, `${verified.release}.tar.gz`));
    if (key !== undefined) await copyFile(key, path.join(carried, 'release.pub'));
    for (const { path: copy } of await listTree(carried)) await chmod(path.join(carried, copy), 0o644);
    await removeTree(collection);
    await rename(unfinished, collection);
    const examples = ['ansible.cfg', 'inventory.yml'];
    const written = [collection];
    for (const name of examples) {
      const target = path.join(directory, name);
      if (await exists(target)) continue;
      await copyFile(path.join(templates, name), target);
      written.push(target);
    }
    return { release: verified.release, sha256, written, keys: verified.keys };
  } finally {
    await removeTree(unfinished);
  }
}

/** Throws `KSB_ANSIBLE_EXISTS` unless the directory is free or holds a collection of an earlier call. */
async function requireOwn(collection: string): Promise<void> {
  if (!(await exists(collection))) return;
  const identity = await readFile(path.join(collection, IDENTITY), 'utf8').catch(() => '');
  if (/^namespace: ksbundle\nname: release$/m.test(identity)) return;
  throw new KsbundleError({
    code: 'KSB_ANSIBLE_EXISTS',
    exitCode: ExitCode.usage,
    message: `${collection} exists and is not a collection that ksbundle wrote`,
    why: `its ${IDENTITY} does not name ksbundle.release`,
    hint: 'choose another directory, or remove it',
  });
}

/** Copies a tree of texts, with values in place of `@NAME@`. */
async function copyTexts(from: string, to: string, values: Readonly<Record<string, string>>): Promise<void> {
  for (const { path: file, kind } of await listTree(from)) {
    if (kind !== 'file' || file.includes('__pycache__')) continue;
    const text = await readFile(path.join(from, file), 'utf8');
    const target = path.join(to, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(
      target,
      text.replaceAll(/@(\w+)@/g, (whole, name: string) => values[name] ?? whole),
    );
  }
}
