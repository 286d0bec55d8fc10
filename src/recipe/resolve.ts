import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Statement } from '../domain/advisories/vex.ts';
import type { Architecture, Platform } from '../domain/platform.ts';
import type {
  Archive,
  ArchiveUrl,
  AuditException,
  Bundle,
  BundlePython,
  Component,
  DeclaredEmbed,
  Patch,
  RecipeFile,
  RecipeOrigin,
  RecipeSet,
  Source,
  Step,
  Support,
  Tool,
  Toolchain,
} from '../domain/recipe.ts';
import { INSTALLER_PYTHON } from '../domain/project.ts';
import { substituteVariables } from '../domain/variables.ts';
import { hashBytes, hashFile, hashTree } from '../io/files.ts';
import type { Document } from './document.ts';
import { answersOf, inOrder, resolveService } from './resolve-service.ts';
import { urlFile, parseArchiveUrl } from './syntax.ts';
import type { KitAnswers } from './written-service.ts';
import {
  bundleSchema,
  componentSchema,
  toolchainSchema,
  toolSchema,
  type WrittenBundle,
  type WrittenComponent,
  type WrittenException,
  type WrittenSource,
  type WrittenStatement,
  type WrittenTool,
  type WrittenToolchain,
} from './written.ts';

/*
 * Turns checked recipes into the form that the stages use. Reports no mistakes: checked recipes have none.
 */

export interface ResolveOptions {
  readonly platform: Platform;
  /** Architecture of the build machine. */
  readonly buildArch: Architecture;
  readonly services: readonly Document[];
  readonly kit: KitAnswers;
}

export async function resolveSet(
  documents: readonly Document[],
  { platform, buildArch, services: documented, kit }: ResolveOptions,
): Promise<Omit<RecipeSet, 'layers'>> {
  const resolved = await Promise.all(documented.map(resolveService));
  const services = new Map(resolved.map((each) => [each.service.name, each]));
  const components: Component[] = [];
  const native: Component[] = [];
  const bundles: Bundle[] = [];
  const toolchains: Toolchain[] = [];
  const tools: Tool[] = [];
  for (const document of documents) {
    if (document.kind === 'component') {
      const written = componentSchema.parse(document.value);
      components.push(await resolveComponent(written, document, { arch: platform.arch, buildArch }));
      if (platform.arch !== buildArch)
        native.push(await resolveComponent(written, document, { arch: buildArch, buildArch }));
    } else if (document.kind === 'bundle') {
      const bundle = bundleSchema.parse(document.value);
      const run = inOrder(bundle.services, services);
      const installed = { services: run, answers: answersOf(run, kit) };
      bundles.push(...(await resolveBundle(bundle, { document, installed })));
    } else if (document.kind === 'toolchain') {
      const written = toolchainSchema.parse(document.value);
      toolchains.push({ kind: 'toolchain', ...(await resolvePrebuilt(written, document)) });
    } else {
      tools.push({ kind: 'tool', ...(await resolvePrebuilt(toolSchema.parse(document.value), document)) });
    }
  }
  const [toolchain] = toolchains;
  if (toolchain === undefined) throw new TypeError('resolveSet: no toolchain');
  const named = byName(components);
  return {
    components: named,
    native: platform.arch === buildArch ? named : byName(native),
    bundles: byName(bundles),
    services,
    toolchain,
    tools: byName(tools),
  };
}

function byName<Recipe extends { readonly name: string }>(
  recipes: readonly Recipe[],
): ReadonlyMap<string, Recipe> {
  return new Map(recipes.map((recipe) => [recipe.name, recipe]));
}

async function resolveComponent(
  written: WrittenComponent,
  document: Document,
  { arch, buildArch }: { readonly arch: Architecture; readonly buildArch: Architecture },
): Promise<Component> {
  const { environment = {}, variables = {} } = written.architecture[arch] ?? {};
  const cross = arch === buildArch ? undefined : written.cross;
  const substitute = (text: string): string => substituteVariables(text, variables);
  const { build, install } = written;
  return {
    kind: 'component',
    ...resolveIdentity(written),
    ...(written.cpe === undefined ? {} : { cpe: written.cpe }),
    ...resolveRepository(written.advisories),
    sources: (Array.isArray(written.source) ? written.source : [written.source]).map(resolveSource),
    inputs: build.inputs,
    tools: written.cross.tools,
    ...(cross?.unsupported === undefined ? {} : { unsupported: cross.unsupported }),
    weight: build.weight,
    steps: build.step.map((step) => resolveStep(step, substitute)),
    environment: mapValues({ ...build.environment, ...environment, ...cross?.environment }, substitute),
    patches: await Promise.all(written.patch.map((patch) => resolvePatch(patch, document.directory))),
    files: await resolveFiles(written.files, document.directory),
    licenseFiles: build.licenses,
    ship: install.ship,
    drop: install.drop,
    expect: install.expect,
    exceptions: written.exception.map(resolveException),
    embeds: written.embeds.map(resolveEmbed),
    statements: written.vex.map(resolveStatement),
    pluginHosts: written['plugin-host'],
    distributions: written.distributions,
    origin: originOf(document),
  };
}

async function resolvePrebuilt(
  written: WrittenToolchain | WrittenTool,
  document: Document,
): Promise<Omit<Tool, 'kind'>> {
  const { x86_64, aarch64 } = written.source;
  return {
    ...resolveIdentity(written),
    sources: {
      ...(x86_64 === undefined ? {} : { x86_64: resolveSource(x86_64) }),
      ...(aarch64 === undefined ? {} : { aarch64: resolveSource(aarch64) }),
    },
    files: await resolveFiles(written.files, document.directory),
    origin: originOf(document),
  };
}

interface BundleSurroundings {
  readonly document: Document;
  /** The contents of its releases. */
  readonly installed: Pick<Bundle, 'services' | 'answers'>;
}

/** The bundle and its earlier versions. */
async function resolveBundle(
  written: WrittenBundle,
  { document, installed }: BundleSurroundings,
): Promise<Bundle[]> {
  const versions = [written, ...written.earlier.map((earlier) => earlierVersion(written, earlier))];
  const resolved = versions.map((version) => resolveVersion(version, written.name, document));
  return (await Promise.all(resolved)).map((version) => ({ ...version, ...installed }));
}

/** The recipe of the earlier version. */
function earlierVersion(newest: WrittenBundle, earlier: WrittenBundle['earlier'][number]): WrittenBundle {
  const { name, version, revision, requirements } = earlier;
  const constraints = earlier.constraints ?? newest.python?.constraints;
  const python = newest.python && {
    ...newest.python,
    requirements,
    ...(constraints === undefined ? {} : { constraints }),
  };
  const { end: _, ...rest } = newest.support;
  const end = earlier['support-end'];
  const support = { ...rest, ...(end === undefined ? {} : { end }) };
  return { ...newest, name, version, revision, 'upgrade-from': earlier['upgrade-from'], python, support };
}

async function resolveVersion(
  written: WrittenBundle,
  family: string,
  document: Document,
): Promise<Omit<Bundle, 'services' | 'answers'>> {
  return {
    kind: 'bundle',
    ...resolveIdentity(written),
    family,
    ...(written.extends === undefined ? {} : { extends: written.extends }),
    revision: written.revision,
    upgradeFrom: written['upgrade-from'] ?? written.version,
    components: written.components,
    python: await resolvePython(written.python, document.directory),
    support: resolveSupport(written.support),
    drop: written.drop,
    exceptions: written.exception.map(resolveException),
    embeds: written.embeds.map(({ carrier, 'carrier-version': carrierVersion, ...embed }) => ({
      carrier,
      carrierVersion,
      ...resolveEmbed(embed),
    })),
    statements: written.vex.map(({ part, embedded, ...stated }) => ({
      part,
      ...(embedded === undefined ? {} : { embedded }),
      ...resolveStatement(stated),
    })),
    origin: originOf(document),
  };
}

async function resolvePython(written: WrittenBundle['python'], directory: string): Promise<BundlePython> {
  const python = written ?? {
    interpreter: INSTALLER_PYTHON,
    requirements: [],
    override: [],
    exclude: [],
    license: [],
    launcher: [],
    precompile: [],
  };
  const file = python.constraints === undefined ? undefined : path.join(directory, python.constraints);
  return {
    reduced: written === undefined,
    interpreter: python.interpreter,
    requirements: python.requirements,
    ...(file === undefined ? {} : { constraints: file }),
    constraintsSha256: file === undefined ? hashBytes('') : await hashFile(file),
    overrides: python.override,
    excludes: python.exclude,
    licenses: python.license,
    launchers: python.launcher.map((launcher) => ({
      name: launcher.name,
      entryPoint: launcher['entry-point'],
    })),
    precompile: python.precompile,
  };
}

function resolveIdentity(written: WrittenComponent | WrittenToolchain | WrittenTool | WrittenBundle) {
  const { name, version, license, summary, homepage } = written;
  return { name, version, license, summary, ...(homepage === undefined ? {} : { homepage }) };
}

function originOf(document: Document): RecipeOrigin {
  return { file: document.file, sha256: document.sha256 };
}

function resolveRepository(written: WrittenComponent['advisories']): Pick<Component, 'repository'> {
  return written === undefined ? {} : { repository: { url: written.repository, tag: written.tag } };
}

function resolveSource({ into, strip, archive }: WrittenSource): Source {
  return { into, strip, archives: archive.map(resolveArchive) };
}

function resolveArchive({ sha256, file, urls }: WrittenSource['archive'][number]): Archive {
  const parsed = urls.map(parseArchiveUrl).filter((url): url is ArchiveUrl => url !== undefined);
  const [first] = parsed;
  return { sha256, file: file ?? (first === undefined ? '' : urlFile(first)), urls: parsed };
}

function resolveStep(
  step: WrittenComponent['build']['step'][number],
  substitute: (text: string) => string,
): Step {
  const { name, run, script = '', directory, environment } = step;
  return {
    name,
    command:
      run === undefined
        ? { kind: 'script', script: substitute(script) }
        : { kind: 'argv', argv: run.map(substitute) },
    directory,
    environment: mapValues(environment, substitute),
  };
}

async function resolvePatch(patch: WrittenComponent['patch'][number], directory: string): Promise<Patch> {
  const file = path.join(directory, patch.file);
  return {
    path: file,
    file: patch.file,
    sha256: await hashFile(file),
    reason: patch.reason,
    into: patch.into,
  };
}

async function resolveFiles(files: readonly string[], directory: string): Promise<RecipeFile[]> {
  return Promise.all(
    files.map(async (file) => {
      const absolute = path.join(directory, file);
      const isDirectory = (await stat(absolute)).isDirectory();
      return { file, path: absolute, sha256: await (isDirectory ? hashTree : hashFile)(absolute) };
    }),
  );
}

function resolveException({ subject, ...rest }: WrittenException): AuditException {
  return { ...rest, ...(subject === undefined ? {} : { subject }) };
}

function resolveStatement({ justification, ...rest }: WrittenStatement): Statement {
  return { ...rest, ...(justification === undefined ? {} : { justification }) };
}

function resolveEmbed({ cpe, ...rest }: WrittenComponent['embeds'][number]): DeclaredEmbed {
  return { ...rest, ...(cpe === undefined ? {} : { cpe }) };
}

function resolveSupport({ 'disclosure-policy': policy, ...written }: WrittenBundle['support']): Support {
  return Object.fromEntries(
    Object.entries({ ...written, disclosurePolicy: policy }).filter(([, value]) => value !== undefined),
  );
}

function mapValues(
  record: Readonly<Record<string, string>>,
  map: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
