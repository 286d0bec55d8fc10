import { readFile, stat } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { auditTree } from '../audit/audit.ts';
import type { AuditOptions, ForbiddenBytes } from '../audit/options.ts';
import type { AdvisoryReport } from '../domain/advisories/report.ts';
import type { Bill } from '../domain/bill.ts';
import { failures, type AuditReport } from '../domain/audit.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { PLACEHOLDER_PREFIX, PLACEHOLDER_RPATH } from '../domain/layout.ts';
import { MANIFEST_FILE, type Manifest } from '../domain/manifest.ts';
import { parsePlatform, type Platform } from '../domain/platform.ts';
import type { Bundle, Component } from '../domain/recipe.ts';
import { unpackArchive } from '../io/archive.ts';
import { withTemporaryDirectory } from '../io/files.ts';
import { ifThere } from '../io/if-there.ts';
import { parseManifest } from '../pack/manifest.ts';
import { notARelease } from '../pack/not-a-release.ts';
import { openLookUp, type LookUp } from './advisories.ts';
import type { Context } from './context.ts';
import { BASE, componentsOf, loadRecipeSet, type LoadedBundle } from './recipes.ts';

/** Audits a release directory as the recipes of its bundle describe it. */
export async function auditRelease(
  directory: string,
  {
    context,
    loaded,
    bill,
  }: { readonly context: Context; readonly loaded: LoadedBundle; readonly bill: Bill },
): Promise<AuditReport> {
  const components = componentsOf(loaded);
  return auditTree(
    directory,
    auditOptions(context, { bundle: loaded.bundle, components, platform: context.platform, bill }),
  );
}

/** Throws `KSB_AUDIT_FAILED` with every finding that no recipe declares harmless. */
export function requireCleanAudit(report: AuditReport, bundle: Bundle): void {
  const findings = failures(report);
  if (findings.length === 0) return;
  throw new KsbundleError({
    code: 'KSB_AUDIT_FAILED',
    exitCode: ExitCode.audit,
    message: `the audit of ${bundle.name} has ${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}`,
    place: { file: bundle.origin.file },
    problems: findings.map(({ rule, path: file, message, remedy }) => ({
      code: rule,
      message: `${file} ${message}`,
      hint: remedy,
    })),
    hint: 'fix the cause, or declare an [[exception]] with the reason and what overrides it at run time',
  });
}

/** The findings in the files of a release, and known vulnerabilities of its parts. */
export interface PathAudit extends AuditReport {
  /** Set if it was looked up. */
  readonly advisories?: AdvisoryReport;
}

/**
 * Audits a tarball or a directory, and looks it up in a database of advisories if one is given. The exceptions in the
 * bundle's recipe apply to a release if the project has that recipe; there are none for anything else. Throws
 * `KSB_NOT_A_RELEASE` if something else is to be looked up, and what `auditAdvisories` throws.
 */
export async function auditPath(context: Context, target: string, lookUp?: LookUp): Promise<PathAudit> {
  if ((await stat(target)).isDirectory()) return auditBoth(context, target, lookUp);
  return withTemporaryDirectory(context.store.temporary, async (work) => {
    const directory = path.join(work, 'release');
    await unpackArchive(target, directory, { strip: 1, signal: context.signal });
    return auditBoth(context, directory, lookUp);
  });
}

/** Reads the database first, to fail early. */
async function auditBoth(context: Context, directory: string, lookUp?: LookUp): Promise<PathAudit> {
  const text = await ifThere(readFile(path.join(directory, MANIFEST_FILE), 'utf8'));
  const manifest = text === undefined ? undefined : parseManifest(text);
  if (lookUp === undefined) return auditDirectory(context, directory, manifest);
  if (manifest === undefined) throw notARelease(directory, `it has no ${MANIFEST_FILE} of format 1`);
  const advisories = (await openLookUp([manifest], lookUp, context.signal))(manifest);
  return { ...(await auditDirectory(context, directory, manifest)), advisories };
}

/** `manifest` is that of the directory, if it is a release. */
async function auditDirectory(
  context: Context,
  directory: string,
  manifest: Manifest | undefined,
): Promise<AuditReport> {
  const platform = parsePlatform(manifest?.platform ?? '') ?? context.platform;
  if (manifest === undefined)
    return auditTree(directory, auditOptions(context, { components: [], platform }));
  const set = await loadRecipeSet({ ...context, platform });
  const versions = [...set.bundles.values()].filter(({ family }) => family === manifest.bundle);
  const bundle = versions.find(({ version }) => version === manifest.version) ?? versions[0];
  const components = manifest.components.flatMap(({ name }) => set.components.get(name) ?? []);
  return auditTree(
    directory,
    auditOptions(context, {
      ...(bundle === undefined ? {} : { bundle }),
      components,
      platform,
      bill: billOf(manifest),
    }),
  );
}

interface Audited {
  readonly bundle?: Bundle;
  readonly components: readonly Component[];
  readonly platform: Platform;
  readonly bill?: Bill;
}

function billOf({ files, components, embeds = [] }: Manifest): Bill {
  return { parts: new Map(files.map((file) => [file.path, file.part])), components, embeds };
}

function auditOptions(context: Context, { bundle, components, platform, bill }: Audited): AuditOptions {
  const interpreter = components.find(({ name }) => name === bundle?.python.interpreter);
  const [major, minor] = (interpreter?.version ?? '').split('.').map(Number);
  return {
    platform,
    ...(major === undefined || minor === undefined ? {} : { python: { major, minor } }),
    forbidden: forbiddenBytes(context),
    placeholders: [
      { label: 'placeholder prefix', bytes: Buffer.from(PLACEHOLDER_PREFIX) },
      { label: 'placeholder RPATH', bytes: Buffer.from(PLACEHOLDER_RPATH) },
    ],
    exceptions: [...(bundle?.exceptions ?? []), ...components.flatMap(({ exceptions }) => exceptions)],
    expected: components.flatMap(({ expect }) => expect),
    hosts: components.flatMap(({ pluginHosts }) => pluginHosts),
    ...(bill === undefined ? {} : { bill }),
  };
}

/**
 * The build machine's directories. A home directory of one component (`/root`) is too common a text to search for, but
 * the build's own directories below it are included.
 */
function forbiddenBytes(context: Context): readonly ForbiddenBytes[] {
  const home = os.homedir();
  return [
    { label: 'cache directory', directory: context.cacheDirectory },
    { label: 'recipes directory', directory: context.recipesDirectory },
    { label: "directory of ksbundle's recipes", directory: BASE.recipes },
    ...(home.split('/').length > 2 ? [{ label: 'home directory', directory: `${home}/` }] : []),
  ].map(({ label, directory }) => ({ label, bytes: Buffer.from(directory) }));
}
