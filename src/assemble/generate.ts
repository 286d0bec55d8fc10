import { chmod, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import type { Part } from '../domain/manifest.ts';
import type { Generation, ServiceRecipe } from '../domain/recipe.ts';
import { runConfined, type Confinement } from '../io/confinement.ts';
import { copyFile, exists, findLink, listTree, removeEmptyDirectories } from '../io/files.ts';

export interface GenerateOptions {
  readonly services: readonly Pick<ServiceRecipe, 'service' | 'generations'>[];
  /** The release's own CPython, which runs in its place in the release. */
  readonly python: string;
  /** The release directory, relocated. */
  readonly root: string;
  /** The parts of all files so far, by release path. */
  readonly parts: ReadonlyMap<string, Part>;
  /** Release paths of files that do not ship. */
  readonly passing: ReadonlySet<string>;
  /** Directory for temporary files; it is created if necessary. */
  readonly temporary: string;
  readonly confinement: Confinement;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Adds the files that services generate with the release's Python, one generation after another, then removes what does
 * not ship. Python can only read the release. Returns the parts of all files. Throws `KSB_GENERATE_FAILED`.
 */
export async function generateFiles(options: GenerateOptions): Promise<ReadonlyMap<string, Part>> {
  const { services, root, passing } = options;
  const parts = new Map(options.parts);
  const all = services.flatMap(({ service, generations }) =>
    generations.map((each) => ({ ...each, service: service.name })),
  );
  for (const [index, generation] of all.entries()) {
    const part = partOf(generation, parts);
    const made = path.join(options.temporary, String(index), 'made');
    await generate(generation, made, options);
    for (const { path: file, kind } of await listTree(made)) {
      if (kind === 'directory') continue;
      if (kind !== 'file')
        throw failed(generation, `it made ${file}, which is neither a file nor a directory`);
      const target = path.join(root, file);
      if ((await exists(target)) || (await findLink(root, file)) !== undefined)
        throw failed(generation, `it made ${file}, which the release has already`);
      await copyFile(path.join(made, file), target);
      await chmod(target, 0o644);
      parts.set(file, part);
    }
  }
  for (const file of passing) {
    await rm(path.join(root, file));
    parts.delete(file);
  }
  if (passing.size > 0) await removeEmptyDirectories(root);
  return parts;
}

interface OfService extends Generation {
  readonly service: string;
}

function partOf(generation: OfService, parts: ReadonlyMap<string, Part>): Part {
  const part: Part = `wheel:${generation.distribution}`;
  if (![...parts.values()].includes(part))
    throw failed(
      generation,
      `its files are for ${generation.distribution}, and the release has no such wheel`,
    );
  return part;
}

/** Runs the module, which writes to the new directory `made`. */
async function generate(
  generation: OfService,
  made: string,
  { python, root, confinement, signal }: GenerateOptions,
): Promise<void> {
  const work = path.dirname(made);
  const scratch = path.join(work, 'scratch');
  for (const directory of [made, scratch]) await mkdir(directory, { recursive: true });
  const command = {
    // Without the account's own modules, and without the current directory among the places of modules.
    argv: [python, '-s', '-P', '-B', '-X', 'utf8', '-m', generation.module, made],
    environment: {
      HOME: scratch,
      LC_ALL: 'C',
      PATH: '/usr/bin:/bin',
      PYTHONHASHSEED: '0',
      SOURCE_DATE_EPOCH: String(SOURCE_DATE_EPOCH),
      TMPDIR: scratch,
      TZ: 'UTC',
    },
    directory: scratch,
    view: { readable: [root], writable: [work] },
  };
  const result = await runConfined(confinement, command, { signal });
  signal?.throwIfAborted();
  if (result.exitCode === 0) return;
  const why =
    result.failedToStart === undefined
      ? `it ended with ${result.exitCode ?? result.signal ?? 'nothing'}`
      : `${python} does not start (${result.failedToStart})`;
  throw failed(generation, why, result.stderr.trim().split('\n').slice(-20));
}

function failed(generation: OfService, why: string, details: readonly string[] = []): KsbundleError {
  return new KsbundleError({
    code: 'KSB_GENERATE_FAILED',
    exitCode: ExitCode.failed,
    message: `${generation.module} of the service ${generation.service} cannot make its files of the release`,
    why,
    details,
    hint: 'correct the module, or the table "generate" of the service',
  });
}
