import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { assembleRelease } from '../assemble/assemble.ts';
import { compileByteCode } from '../assemble/byte-code.ts';
import { generateFiles } from '../assemble/generate.ts';
import { installOwnFiles } from '../assemble/own-files.ts';
import { rehearseInstall } from '../assemble/rehearse.ts';
import { refreshRecords } from '../assemble/records.ts';
import { stageTools } from '../build/build-tools.ts';
import { toolNode, type Artifact } from '../build/plan.ts';
import type { AuditReport } from '../domain/audit.ts';
import { releaseName } from '../domain/release-name.ts';
import { formatPlatform } from '../domain/platform.ts';
import type { Component } from '../domain/recipe.ts';
import type { StoredContent } from '../domain/store.ts';
import { fetchAll } from '../fetch/all.ts';
import { wheelSource } from '../fetch/source.ts';
import { findHostTools } from '../host/find.ts';
import { withTemporaryDirectory } from '../io/files.ts';
import { packRelease } from '../pack/pack-release.ts';
import { placeInRecipe } from '../recipe/locate.ts';
import { relocateTree } from '../relocate/tree.ts';
import { auditRelease, requireCleanAudit } from './audit.ts';
import { codeVersion } from './code.ts';
import type { Context } from './context.ts';
import { linkedEmbeds, mergeEmbeds, publishedEmbeds } from './embeds.ts';
import { materialsOf } from './materials.ts';
import { readPages } from './pages.ts';
import { recipeFiles } from './recipe-files.ts';
import { releaseFacts } from './release-facts.ts';
import { componentsOf, installerOf, toolsOf } from './recipes.ts';
import type { LockedBundle } from './sources.ts';

export interface MadeRelease {
  readonly tarball: StoredContent;
  /** Its provenance, which does not ship. */
  readonly provenance: StoredContent;
  readonly audit: AuditReport;
  /** Duration in milliseconds. */
  readonly time: number;
}

/**
 * Assembles, relocates, audits and packs a release; throws `KSB_AUDIT_FAILED` for findings, and what the stages throw.
 */
export async function makeRelease(
  context: Context,
  loaded: LockedBundle,
  artifacts: ReadonlyMap<string, Artifact>,
): Promise<MadeRelease> {
  const { bundle } = loaded;
  const { signal, emit } = context;
  const start = performance.now();
  const task = `pack:${bundle.name}`;
  const step = (name: string): void => emit({ type: 'task-step', task, step: name });
  const name = releaseName(bundle, context.platform.arch);
  const sources = loaded.lockfile.wheels.map(wheelSource);
  const fetched = await fetchAll(sources, context.fetch);

  return withTemporaryDirectory(path.join(context.cacheDirectory, 'work'), async (work) => {
    const directory = path.join(work, name);
    step('assemble');
    const components = builtComponents(loaded, artifacts);
    const assembled = await assembleRelease({
      bundle,
      components,
      wheels: loaded.lockfile.wheels.map((wheel, index) => ({ wheel, file: fetched[index]?.path ?? '' })),
      init: installerOf(loaded),
      placeOf: ({ file }, keys) => placeInRecipe(file, keys),
      emit,
      directory,
      signal,
    });
    step('relocate');
    const python = 'bin/python3';
    const isForeign = toolsOf(loaded).length > 0;
    await relocateTree(directory, { buildDirectories: [context.cacheDirectory], python });
    const confinement = await context.confinement();
    if (bundle.services.some(({ generations }) => generations.length > 0)) step('generate files');
    const generated = await generateFiles({
      services: bundle.services,
      python: path.join(directory, python),
      root: directory,
      parts: assembled.parts,
      passing: assembled.passing,
      temporary: path.join(work, 'generated'),
      confinement,
      signal,
    });
    await refreshRecords(directory, assembled.site);
    step('compile byte code');
    const compiled = await compileByteCode({
      python: path.join(isForeign ? await nativePrefix(context, loaded, artifacts) : directory, python),
      root: directory,
      site: assembled.site,
      modules: bundle.python.precompile,
      programs: 'init',
      keep: bundle.python.reduced ? namedByRecipe(components, bundle.python.interpreter) : undefined,
      parts: generated,
      confinement,
      signal,
    });
    const parts = await installOwnFiles({
      root: directory,
      recipes: recipeFiles(loaded),
      lockfile: loaded.lockOrigin.file,
      pages: await readPages(context, bundle),
      parts: compiled,
    });
    step('audit');
    const stated = mergeEmbeds([...loaded.embeds, ...(await publishedEmbeds(directory, parts))]);
    const contents = { components, wheels: assembled.wheels, floor: undefined, embeds: stated };
    const facts = releaseFacts(context, loaded, contents);
    const bill = { parts, components: facts.components, embeds: stated };
    const audit = await auditRelease(directory, { context, loaded, bill });
    requireCleanAudit(audit, bundle);
    const linked = linkedEmbeds(audit.libraries, parts, facts.components);
    step('pack');
    const out = path.join(work, 'out');
    await mkdir(out);
    // Only compiling needs them: if all artifacts were taken, no tool took part, and the host may lack them.
    const builtHere = [...artifacts.values()].some(({ signers }) => signers === undefined);
    const tools = builtHere ? await findHostTools({ signal }) : [];
    const packed = await packRelease({
      directory,
      name,
      out,
      parts,
      facts: releaseFacts(context, loaded, {
        ...contents,
        floor: audit.floor,
        embeds: mergeEmbeds([...stated, ...linked]),
      }),
      build: {
        bundle: bundle.name,
        platform: formatPlatform(context.platform),
        materials: materialsOf(loaded, artifacts),
        tools: {
          ksbundle: await codeVersion(),
          ...Object.fromEntries(
            tools.flatMap(({ name: tool, version }) => (version === undefined ? [] : [[tool, version]])),
          ),
        },
      },
      check: () =>
        rehearseInstall({
          root: directory,
          isForeign,
          confinement,
          emit,
          signal,
        }),
      signal,
    });
    const tarball = await context.store.addFile(packed.tarball, packed.sha256);
    const provenance = await context.store.addFile(packed.provenance);
    return { tarball, provenance, audit, time: performance.now() - start };
  });
}

/** Makes the programs of a tree, which was built below the cache, run in its place. */
export function relocateTools({ cacheDirectory }: Context): (directory: string) => Promise<void> {
  return async (directory) => {
    await relocateTree(directory, { buildDirectories: [cacheDirectory] });
  };
}

/** A directory with the tools for this machine; the interpreter is of the same version as the release's. */
async function nativePrefix(
  context: Context,
  loaded: LockedBundle,
  artifacts: ReadonlyMap<string, Artifact>,
): Promise<string> {
  const tools = toolsOf(loaded).flatMap(({ name }) => artifacts.get(toolNode(name)) ?? []);
  const { cacheDirectory: directory, signal } = context;
  return stageTools(tools, { directory, relocate: relocateTools(context), signal });
}

/** The interpreter's recipe applies to its files even if only the needed ones ship. */
function namedByRecipe(
  components: readonly { readonly component: Component }[],
  interpreter: string,
): readonly string[] {
  const { expect = [], exceptions = [] } =
    components.find(({ component }) => component.name === interpreter)?.component ?? {};
  return [...expect, ...exceptions.flatMap(({ paths }) => paths)];
}

function builtComponents(
  loaded: LockedBundle,
  artifacts: ReadonlyMap<string, Artifact>,
): readonly { readonly component: Component; readonly artifact: string }[] {
  return componentsOf(loaded).flatMap((component) => {
    const artifact = artifacts.get(component.name)?.path;
    return artifact === undefined ? [] : [{ component, artifact }];
  });
}
