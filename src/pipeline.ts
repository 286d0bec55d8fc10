import { ExitCode, KsbundleError } from './domain/errors.ts';
import type { AuditReport } from './domain/audit.ts';
import type { Emit } from './domain/events.ts';
import type { Platform } from './domain/platform.ts';
import type {
  BuildResult,
  CacheEntry,
  CacheGcResult,
  CacheVerifyResult,
  FetchResult,
  InspectResult,
  LockResult,
  RecipeSummary,
  TryResult,
  VerifyResult,
  WhyResult,
} from './domain/results.ts';

/** What a run is told; every path is absolute. */
export interface ContextOptions {
  readonly platform: Platform;
  readonly jobs: number;
  readonly offline: boolean;
  /** Mirror directories or URLs, tried in order before all other locations. */
  readonly mirrors: readonly string[];
  readonly cacheDirectory: string;
  /** Directory that tarballs are written to. */
  readonly outDirectory: string;
  readonly recipesDirectory: string;
  readonly lockfilesDirectory: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export type Context = ContextOptions;

export async function openContext(options: ContextOptions): Promise<Context> {
  return options;
}

export async function listRecipes(_context: Context): Promise<readonly RecipeSummary[]> {
  return notYet('listRecipes');
}

export async function buildBundle(_context: Context, _bundle: string): Promise<BuildResult> {
  return notYet('buildBundle');
}

/** What a build would do, one line a step; writes nothing. */
export async function planBuild(_context: Context, _bundle: string): Promise<readonly string[]> {
  return notYet('planBuild');
}

export async function tryBundle(_context: Context, _bundle: string): Promise<TryResult> {
  return notYet('tryBundle');
}

export interface LockOptions {
  readonly check: boolean;
  /** Names to upgrade; empty for all; absent keeps what is locked. */
  readonly upgrade?: readonly string[];
  readonly dryRun: boolean;
}

/** With `check` or `dryRun` nothing is written; with `check` a difference is an error. */
export async function lockBundle(
  _context: Context,
  _bundle: string,
  _options: LockOptions,
): Promise<LockResult> {
  return notYet('lockBundle');
}

export async function fetchBundle(
  _context: Context,
  _bundle: string,
  _options: { readonly dryRun: boolean },
): Promise<FetchResult> {
  return notYet('fetchBundle');
}

export async function mirrorBundle(
  _context: Context,
  _bundle: string,
  _options: { readonly directory: string; readonly dryRun: boolean },
): Promise<FetchResult> {
  return notYet('mirrorBundle');
}

/** Audits a tarball or an unpacked release. */
export async function auditPath(_context: Context, _target: string): Promise<AuditReport> {
  return notYet('auditPath');
}

export async function verifyFile(_file: string): Promise<VerifyResult> {
  return notYet('verifyFile');
}

export async function inspectFile(_file: string): Promise<InspectResult> {
  return notYet('inspectFile');
}

export async function whyName(_context: Context, _bundle: string, _name: string): Promise<WhyResult> {
  return notYet('whyName');
}

export async function listCache(_context: Context): Promise<readonly CacheEntry[]> {
  return notYet('listCache');
}

export async function verifyCache(_context: Context): Promise<CacheVerifyResult> {
  return notYet('verifyCache');
}

export async function collectCache(
  _context: Context,
  _options: { readonly dryRun: boolean },
): Promise<CacheGcResult> {
  return notYet('collectCache');
}

function notYet(name: string): never {
  throw new KsbundleError({
    code: 'KSB_NOT_IMPLEMENTED',
    exitCode: ExitCode.failed,
    message: `the pipeline does not have ${name} yet`,
  });
}
