import type { LibraryInFile } from '../domain/audit.ts';
import { compileGlobs } from '../domain/glob.ts';
import { emptyProcess, openPlugin, startProcess, type LoadedObject, type Process } from './loader.ts';
import type { PluginHost } from '../domain/recipe.ts';
import { resolvePath, type ReleaseFiles } from './release.ts';
import type { ScannedElf } from './scan.ts';

/** The result of loading one program, plug-in or other library. */
export interface Load {
  /** Release path of the program that opens it, for a plug-in. */
  readonly host?: string;
  /** The loaded objects: the program, plug-in or library first, then what it needs. */
  readonly objects: readonly LoadedObject[];
  /** Other objects whose symbols are visible to these. */
  readonly scope: readonly LoadedObject[];
}

/** A release with everything that the rules look at. */
export interface Release extends ReleaseFiles {
  readonly loads: readonly Load[];
  readonly libraries: readonly LibraryInFile[];
}

/**
 * Loads every program, every plug-in in each of its hosts, and every library that none of these needs on its own.
 * A host that is not in the release has no plug-ins.
 */
export function simulateLoads(files: ReleaseFiles, hosts: readonly PluginHost[]): Load[] {
  const loadable = files.elfFiles.filter(({ file }) => file.dynamic !== undefined);
  const programs = loadable
    .filter(isProgram)
    .map((elf) => ({ objects: startProcess(files, elf).objects, scope: [] }));
  const plugins = hosts.flatMap((host) => loadPlugins(files, host, loadable));
  const loads = [...programs, ...plugins];
  const loaded = new Set(loads.flatMap(({ objects }) => objects.map(({ elf }) => elf)));
  const rest = loadable.filter((elf) => !loaded.has(elf));
  return [
    ...loads,
    ...rest.map((elf) => ({ objects: openPlugin(emptyProcess(files), elf).objects, scope: [] })),
  ];
}

function isProgram(elf: ScannedElf): boolean {
  return elf.file.kind === 'executable' || elf.file.interpreter !== undefined;
}

function loadPlugins(files: ReleaseFiles, host: PluginHost, loadable: readonly ScannedElf[]): Load[] {
  const program = resolvePath(files.byPath, host.program)?.elf;
  if (program === undefined) return [];
  const process = preload(startProcess(files, program), host.preloaded);
  const isPlugin = compileGlobs(host.plugins);
  const plugins = loadable.filter(({ path }) => isPlugin(path));
  const loads = plugins.map((elf) => openPlugin(process, elf));
  const siblings = host.shared ? loads.flatMap(({ objects }) => objects) : [];
  return loads.map(({ objects }) => ({
    host: host.program,
    objects,
    scope: [...process.objects, ...siblings],
  }));
}

function preload(process: Process, plugins: readonly string[]): Process {
  return plugins.reduce((before, plugin) => {
    const elf = resolvePath(before.release.byPath, plugin)?.elf;
    return elf === undefined ? before : openPlugin(before, elf).process;
  }, process);
}
