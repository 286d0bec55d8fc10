import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { assembleRelease } from '../assemble/assemble.ts';
import { compileByteCode } from '../assemble/byte-code.ts';
import { refreshRecords } from '../assemble/records.ts';
import type { Artifact } from '../build/plan.ts';
import type { AuditReport } from '../domain/audit.ts';
import type { Sha256 } from '../domain/digest.ts';
import { releaseName } from '../domain/layout.ts';
import type { ReleaseFacts } from '../domain/manifest.ts';
import { formatPlatform } from '../domain/platform.ts';
import type { Component } from '../domain/recipe.ts';
import type { StoredContent } from '../domain/store.ts';
import { fetchAll } from '../fetch/all.ts';
import { wheelSource } from '../fetch/source.ts';
import { findHostTools } from '../host/find.ts';
import { hashBytes, hashTree, withTemporaryDirectory } from '../io/files.ts';
import { packRelease } from '../pack/pack-release.ts';
import { relocateTree } from '../relocate/tree.ts';
import { auditRelease, requireCleanAudit } from './audit.ts';
import type { Context } from './context.ts';
import { componentNames, type LockedSubject } from './sources.ts';

/** Where a release's tarball and audit are recorded in the store. */
export interface ReleaseKey {
  readonly digest: Sha256;
  read(): Promise<{ readonly tarball: Sha256; readonly audit: AuditReport } | undefined>;
  write(made: MadeRelease): Promise<void>;
}

export interface MadeRelease {
  readonly tarball: StoredContent;
  readonly audit: AuditReport;
  /** Milliseconds it took. */
  readonly time: number;
}

/** Folders of the code that decides a release's bytes. */
const STAGES = ['assemble', 'audit', 'domain', 'io', 'pack', 'pipeline', 'relocate'];

/**
 * Key of a release: everything that decides its bytes. The code that assembles, relocates, audits and packs is among it by
 * its own bytes, so that a changed ksbundle never hands out a release of the old one.
 */
export async function releaseKey(
  context: Context,
  subject: LockedSubject,
  artifacts: ReadonlyMap<string, Artifact>,
): Promise<ReleaseKey> {
  const { bundle, lockfile, set } = subject;
  const digest = hashBytes(
    JSON.stringify([
      formatPlatform(context.platform),
      bundle.origin.sha256,
      componentNames(subject).map((name) => [
        name,
        set.components.get(name)?.origin.sha256,
        artifacts.get(name)?.sha256,
      ]),
      lockfile.wheels.map(({ file, sha256 }) => [file, sha256]),
      await hashTree(context.initDirectory),
      await Promise.all(
        STAGES.map((folder) => hashTree(path.join(path.dirname(import.meta.dirname), folder))),
      ),
    ]),
  );
  const auditKey = hashBytes(`${digest} audit`);
  const { store } = context;
  const record = { component: bundle.name, version: bundle.version, created: new Date().toISOString() };
  return {
    digest,
    async read() {
      const [tarball, audit] = [await store.builds.read(digest), await store.builds.read(auditKey)];
      const content = audit === undefined ? undefined : await store.find(audit.artifact);
      if (tarball === undefined || content === undefined) return undefined;
      return {
        tarball: tarball.artifact,
        audit: JSON.parse(await readFile(content.path, 'utf8')) as AuditReport,
      };
    },
    async write({ tarball, audit, time }) {
      const report = await store.add(Readable.from([Buffer.from(JSON.stringify(audit))]));
      await store.builds.write({
        ...record,
        key: auditKey,
        artifact: report.sha256,
        size: report.size,
        time: 0,
      });
      await store.builds.write({
        ...record,
        key: digest,
        artifact: tarball.sha256,
        size: tarball.size,
        time,
      });
    },
  };
}

/** Assembles, relocates, audits and packs a release; throws `KSB_AUDIT_FAILED` for findings, and what the stages do. */
export async function makeRelease(
  context: Context,
  subject: LockedSubject,
  artifacts: ReadonlyMap<string, Artifact>,
): Promise<MadeRelease> {
  const { bundle } = subject;
  const { signal, emit } = context;
  const start = performance.now();
  const task = `pack:${bundle.name}`;
  const step = (name: string): void => emit({ type: 'task-step', task, step: name });
  const name = releaseName(bundle, context.platform.arch);
  const sources = subject.lockfile.wheels.map(wheelSource);
  const fetched = await fetchAll(sources, context.fetch);

  return withTemporaryDirectory(path.join(context.cacheDirectory, 'work'), async (work) => {
    const directory = path.join(work, name);
    step('assemble');
    const components = builtComponents(subject, artifacts);
    const assembled = await assembleRelease({
      bundle,
      components,
      wheels: subject.lockfile.wheels.map((wheel, index) => ({ wheel, file: fetched[index]?.path ?? '' })),
      init: context.initDirectory,
      directory,
      signal,
    });
    step('relocate');
    const python = 'bin/python3';
    await relocateTree(directory, { buildDirectories: [context.cacheDirectory], python });
    await refreshRecords(directory, assembled.site);
    step('compile byte code');
    const parts = await compileByteCode({
      python: path.join(directory, python),
      root: directory,
      site: assembled.site,
      modules: bundle.python.precompile,
      parts: assembled.parts,
      signal,
    });
    step('audit');
    const audit = await auditRelease(directory, { context, subject });
    requireCleanAudit(audit, bundle);
    step('pack');
    const out = path.join(work, 'out');
    await mkdir(out);
    const tools = await findHostTools({ signal });
    const packed = await packRelease({
      directory,
      name,
      out,
      parts,
      facts: {
        ...releaseFacts(context, subject, components),
        wheels: assembled.wheels,
        ...(audit.floor === undefined ? {} : { floor: audit.floor }),
      },
      hostTools: Object.fromEntries(
        tools.flatMap(({ name: tool, version }) => (version === undefined ? [] : [[tool, version]])),
      ),
      signal,
    });
    const tarball = await context.store.addFile(packed.tarball, packed.sha256);
    return { tarball, audit, time: performance.now() - start };
  });
}

function builtComponents(
  subject: LockedSubject,
  artifacts: ReadonlyMap<string, Artifact>,
): readonly { readonly component: Component; readonly artifact: string }[] {
  return componentNames(subject).flatMap((name) => {
    const component = subject.set.components.get(name);
    const artifact = artifacts.get(name)?.path;
    return component === undefined || artifact === undefined ? [] : [{ component, artifact }];
  });
}

function releaseFacts(
  context: Context,
  { bundle, set }: LockedSubject,
  components: readonly { readonly component: Component }[],
): Omit<ReleaseFacts, 'wheels' | 'floor'> {
  return {
    bundle: bundle.name,
    version: bundle.version,
    revision: bundle.revision,
    license: bundle.license,
    summary: bundle.summary,
    platform: formatPlatform(context.platform),
    toolchain: { name: set.toolchain.name, version: set.toolchain.version },
    components: components
      .map(({ component: { name, version, license, cpe, sources, origin } }) => ({
        name,
        version,
        license,
        ...(cpe === undefined ? {} : { cpe }),
        sources: sources.flatMap(({ packings }) => packings.map(({ file, sha256 }) => ({ file, sha256 }))),
        recipe: origin.sha256,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}
