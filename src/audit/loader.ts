import path from 'node:path';
import { resolveRpathEntry } from '../domain/rpath.ts';
import { resolvePath, type ReleaseFiles } from './release.ts';
import type { ScannedElf } from './scan.ts';

/** A program or library in a process. */
export interface LoadedObject {
  readonly elf: ScannedElf;
  /** Release path that it was opened by, with symbolic links unresolved; `$ORIGIN` derives from it. */
  readonly foundAt: string;
  /** The object that requested it. */
  readonly loader: LoadedObject | undefined;
  /** The objects in the release that its `DT_NEEDED` entries resolve to. */
  readonly dependencies: LoadedObject[];
  /** `DT_NEEDED` entries that the host provides. */
  readonly hostLibraries: string[];
  /** `DT_NEEDED` entries that nothing provides. */
  readonly missing: string[];
}

/** The state that glibc's loader keeps for a process. */
export interface Process {
  readonly release: ReleaseFiles;
  readonly program: LoadedObject | undefined;
  readonly objects: LoadedObject[];
}

export function startProcess(release: ReleaseFiles, elf: ScannedElf): Process {
  const program = newObject(elf, elf.path, undefined);
  const process = { release, program, objects: [program] };
  loadDependencies(process, program);
  return process;
}

/** A process of an unknown program that opens a library. */
export function emptyProcess(release: ReleaseFiles): Process {
  return { release, program: undefined, objects: [] };
}

/**
 * Opens a plug-in as `dlopen` does with its path, and everything that it needs. Does not change `process`; `objects`
 * are the newly loaded ones, the plug-in first, or none if it was already loaded.
 */
export function openPlugin(
  process: Process,
  elf: ScannedElf,
): { readonly process: Process; readonly objects: readonly LoadedObject[] } {
  if (process.objects.some((object) => object.elf === elf)) return { process, objects: [] };
  const plugin = newObject(elf, elf.path, process.program);
  const after = { ...process, objects: [...process.objects, plugin] };
  loadDependencies(after, plugin);
  return { process: after, objects: after.objects.slice(process.objects.length) };
}

/** An object and everything that it needs, directly or indirectly. */
export function closureOf(object: LoadedObject): ReadonlySet<LoadedObject> {
  const closure = new Set([object]);
  for (const member of closure) for (const dependency of member.dependencies) closure.add(dependency);
  return closure;
}

function newObject(elf: ScannedElf, foundAt: string, loader: LoadedObject | undefined): LoadedObject {
  return { elf, foundAt, loader, dependencies: [], hostLibraries: [], missing: [] };
}

/** Breadth first, as in glibc. */
function loadDependencies(process: Process, start: LoadedObject): void {
  const queue = [start];
  for (const object of queue) {
    for (const library of object.elf.file.dynamic?.needed ?? []) {
      const loaded = process.objects.find((other) => answersTo(other, library));
      const dependency = loaded ?? findLibrary(process, object, library);
      if (dependency === undefined) {
        const isOfHost = process.release.hostLibraries.has(library);
        (isOfHost ? object.hostLibraries : object.missing).push(library);
        continue;
      }
      object.dependencies.push(dependency);
      if (process.objects.includes(dependency)) continue;
      process.objects.push(dependency);
      queue.push(dependency);
    }
  }
}

/** Whether the loader uses an already loaded object for a `DT_NEEDED` entry. */
function answersTo(object: LoadedObject, library: string): boolean {
  return object.elf.file.dynamic?.soname === library || path.posix.basename(object.foundAt) === library;
}

function findLibrary(process: Process, object: LoadedObject, library: string): LoadedObject | undefined {
  if (library.includes('/')) return undefined;
  for (const directory of searchPath(process, object)) {
    const foundAt = path.posix.join(directory, library);
    const elf = resolvePath(process.release.byPath, foundAt)?.elf;
    if (elf === undefined) continue;
    return process.objects.find((other) => other.elf === elf) ?? newObject(elf, foundAt, object);
  }
  return undefined;
}

/**
 * Directories of the release that glibc searches for the libraries of `object`, in order: `DT_RPATH` of the object,
 * of the objects that loaded it and of the program; if the object has `DT_RUNPATH`, only that (ld.so(8) and glibc's
 * elf/dl-load.c). `LD_LIBRARY_PATH` and the host's directories are not part of the release.
 */
function* searchPath(process: Process, object: LoadedObject): Generator<string> {
  const runpath = object.elf.file.dynamic?.runpath;
  if (runpath !== undefined) {
    yield* directoriesOf(object, runpath);
    return;
  }
  let last: LoadedObject | undefined;
  for (let loader: LoadedObject | undefined = object; loader !== undefined; loader = loader.loader) {
    yield* directoriesOf(loader, rpathOf(loader));
    last = loader;
  }
  if (process.program !== undefined && last !== process.program) {
    yield* directoriesOf(process.program, rpathOf(process.program));
  }
}

function rpathOf(object: LoadedObject): string {
  const { dynamic } = object.elf.file;
  return dynamic?.runpath === undefined ? (dynamic?.rpath ?? '') : '';
}

function directoriesOf(object: LoadedObject, paths: string): string[] {
  const origin = path.posix.dirname(object.foundAt);
  return paths.split(':').flatMap((entry) => resolveRpathEntry(origin, entry) ?? []);
}
