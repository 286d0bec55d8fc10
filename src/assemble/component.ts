import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { compileGlobs } from '../domain/glob.ts';
import { idleGlobs, type IdleGlob } from '../domain/idle-globs.ts';
import type { Component } from '../domain/recipe.ts';
import { unpackArchive } from '../io/archive.ts';
import { listTree } from '../io/files.ts';
import type { ReleaseTree } from './release-tree.ts';

export interface BuiltComponent {
  readonly component: Component;
  /** Absolute path of its artifact. */
  readonly artifact: string;
}

export interface UnpackedComponent {
  readonly component: Component;
  /** Directory with its installed files, on the release's file system. */
  readonly root: string;
}

/** Unpacks a component's artifact to the new directory `root`. */
export async function unpackComponent(
  { component, artifact }: BuiltComponent,
  root: string,
  signal?: AbortSignal,
): Promise<UnpackedComponent> {
  await unpackArchive(artifact, root, { name: `${component.name}'s artifact`, signal });
  return { component, root };
}

/**
 * Installs the files that a component's recipe ships, and its licence texts even if it ships nothing else, because it
 * may be linked into other components. Returns the globs that match nothing. Throws `KSB_LICENSE_MISSING` for an
 * artifact without a licence text.
 */
export async function installComponent(
  tree: ReleaseTree,
  { component, root }: UnpackedComponent,
): Promise<readonly IdleGlob[]> {
  const files = (await listTree(root)).filter(({ kind }) => kind !== 'directory').map((entry) => entry.path);
  const isLicense = compileGlobs([`licenses/${component.name}/**`]);
  if (!files.some(isLicense)) throw missingLicense(component);
  const shipped = compileGlobs(component.ship);
  const dropped = compileGlobs(component.drop);
  for (const file of files) {
    if (!isLicense(file) && (!shipped(file) || dropped(file))) continue;
    await tree.place(path.join(root, file), file, `component:${component.name}`);
  }
  return idleGlobs(component, files);
}

function missingLicense(component: Component): KsbundleError {
  return new KsbundleError({
    code: 'KSB_LICENSE_MISSING',
    exitCode: ExitCode.failed,
    message: `the artifact of ${component.name} has no licence text`,
    place: { file: component.origin.file },
    hint: 'name the licence files of its source in "licenses"',
  });
}
