import { mkdir, readdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { PLACEHOLDER_PREFIX } from '../domain/layout.ts';
import { unpackArchive } from '../io/archive.ts';
import { exists, hashBytes, mergeTree, withTemporaryDirectory } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { withLock } from '../io/lock.ts';
import { replaceInText } from '../io/text.ts';
import type { Artifact } from './plan.ts';
import { linkTools } from './tools.ts';
import type { Workshop } from './workshop.ts';

export interface StageOptions {
  /** Directory for toolchains and work in progress. */
  readonly directory: string;
  /** Makes the programs of a tree run in its place. */
  readonly relocate: (directory: string) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Unpacks artifacts for the build machine into one prefix, whose programs run in their place. Returns its path; the same
 * artifacts give the same directory.
 */
export async function stageTools(
  artifacts: readonly Pick<Artifact, 'sha256' | 'path'>[],
  { directory, relocate, signal }: StageOptions,
): Promise<string> {
  const name = `build-tools-${hashBytes(artifacts.map(({ sha256 }) => sha256).join()).slice(0, 16)}`;
  const work = path.join(directory, 'work');
  const staged = path.join(work, name);
  await mkdir(work, { recursive: true });
  const stage = async (): Promise<void> => {
    if (await exists(staged)) return;
    await withTemporaryDirectory(work, async (temporary) => {
      const tree = path.join(temporary, 'tree');
      await mkdir(tree);
      for (const [index, artifact] of artifacts.entries()) {
        const unpacked = path.join(temporary, String(index));
        await unpackArchive(artifact.path, unpacked, { signal });
        await mergeTree(unpacked, tree);
      }
      await relocate(tree);
      await replaceInText(tree, [{ from: PLACEHOLDER_PREFIX, to: staged }]);
      await rename(tree, staged);
    });
  };
  await withLock(path.join(directory, 'locks', name), stage, { signal });
  return staged;
}

/** The workshop with the programs of tools in PATH, before the host's of the same name. */
export async function equip(
  workshop: Workshop,
  tools: readonly Artifact[],
  options: StageOptions,
): Promise<Workshop> {
  if (tools.length === 0) return workshop;
  const staged = await stageTools(tools, options);
  const names = (await ifThere(readdir(path.join(staged, 'bin')))) ?? [];
  const programs = [
    ...workshop.programs.filter(({ name }) => !names.includes(name)),
    ...names.map((name) => ({ name, path: path.join(staged, 'bin', name) })),
  ];
  const linked = await linkTools(path.join(options.directory, 'work'), programs);
  return { ...workshop, programs, tools: linked, readable: [...workshop.readable, linked, staged] };
}
