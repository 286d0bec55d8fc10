import os from 'node:os';
import { defaultBundles } from '../domain/default-bundles.ts';
import { KsbundleError } from '../domain/errors.ts';
import type { Emit } from '../domain/events.ts';
import { faultOf, type DoctorResult, type Verdict } from '../domain/host-check.ts';
import { createFetchContext } from '../fetch/context.ts';
import { requirePythonIndex } from '../fetch/require-index.ts';
import { surveyPlaces } from '../fetch/survey.ts';
import { findConfinement } from '../host/confinement.ts';
import { findHostTools } from '../host/find.ts';
import { examineNode } from '../host/node.ts';
import { examineSpace } from '../host/space.ts';
import { hashBytes, withTemporaryDirectory } from '../io/files.ts';
import { proxyFor, proxyVariables } from '../io/proxy.ts';
import { examineStore } from '../store/health.ts';
import { buildArchitecture } from './build-architecture.ts';
import { gapOf } from './confinement.ts';
import { once, openContext, type Context, type ContextOptions } from './context.ts';
import { listRecipes } from './list-recipes.ts';
import { runChecks, type Check } from './run-checks.ts';
import { openShared, type SharedCacheFiles } from './shared-cache.ts';
import { allSources, loadLockedBundle, type LockedBundle } from './sources.ts';

/** Milliseconds that a check may take. */
const PATIENCE = 30_000;
/** Milliseconds for all requests together, and for each phase of one. */
const NETWORK_PATIENCE = 20_000;
const REQUEST_PATIENCE = 4_000;

const MB = 1_000_000;
/** The store of a large bundle built from nothing has 1 GB; the rest is work in progress. */
const STORE_SPACE = { minimum: 500 * MB, ample: 3000 * MB };
/** A tarball, a second one while it is replaced, and an escrow archive. */
const OUT_SPACE = { minimum: 100 * MB, ample: 500 * MB };

export interface Examined {
  readonly bundle?: string | undefined;
  readonly shared?: SharedCacheFiles | undefined;
}

/** For requests that are not repeated. */
const IMPATIENT = {
  timeouts: { connect: REQUEST_PATIENCE, headers: REQUEST_PATIENCE, idle: REQUEST_PATIENCE },
  retry: { retries: 0 },
};

/**
 * Checks whether this host can build: with the functions that a build itself calls, and with time limits. Looks at the
 * recipes and sources of `bundle`, by default of all that a build may mean. Creates the store if there is none.
 */
export async function examineHost(
  options: ContextOptions,
  { bundle, shared }: Examined = {},
): Promise<DoctorResult> {
  const opened = once(() => openContext(options));
  const bundles = once(async () => bundlesFor(await opened(), bundle));
  const checks: readonly Check[] = [
    { name: 'node', run: () => examineNode() },
    { name: 'machine', run: examineMachine },
    { name: 'tools', run: examineTools },
    { name: 'isolation', run: examineIsolation },
    { name: 'proxy', run: async () => examineProxies(process.env) },
    // Only opening it can fail: the settings of stores and mirrors.
    { name: 'settings', run: async () => opened().then(() => []) },
    { name: 'store', run: async () => examineStore((await opened()).store.root) },
    {
      name: 'caches',
      run: async () => (shared === undefined ? [] : examineCaches(await opened(), shared)),
    },
    { name: 'space', run: () => examineSpaces(options) },
    { name: 'recipes', run: async () => examineRecipes(await bundles()) },
    { name: 'sources', run: async (limit) => examineSources(await opened(), await bundles(), limit) },
  ];
  const found = await runChecks(checks, { patience: PATIENCE, signal: options.signal });
  return { ready: found.every(({ state }) => state !== 'fault'), checks: found };
}

async function examineMachine(): Promise<Verdict> {
  return { state: 'ok', message: `Linux on ${buildArchitecture()}` };
}

async function examineTools(limit: AbortSignal): Promise<Verdict> {
  const tools = await findHostTools({ signal: limit, patience: PATIENCE / 2 });
  return { state: 'ok', message: `all ${tools.length} programs that a build uses are installed` };
}

async function examineIsolation(signal: AbortSignal): Promise<Verdict> {
  const confinement = await withTemporaryDirectory(os.tmpdir(), (root) => findConfinement({ root, signal }));
  const gap = await gapOf(confinement);
  return gap === undefined
    ? { state: 'ok', message: "build steps are isolated from the host's network, files and processes" }
    : { state: 'warning', message: `build steps are not isolated: ${gap.open}`, hint: gap.hint };
}

/** Asks each shared build cache for an artifact that none has, as a build asks. */
async function examineCaches(context: Context, shared: SharedCacheFiles): Promise<readonly Verdict[]> {
  const warnings: Verdict[] = [];
  const emit: Emit = (event) => {
    if (event.type === 'warning') warnings.push({ state: 'warning', message: event.message, hint: SLOWER });
  };
  const caches = await openShared({ ...context, emit }, shared, IMPATIENT);
  await caches.look({ key: hashBytes('doctor'), component: 'doctor', version: '0' });
  if (warnings.length > 0) return warnings;
  return [{ state: 'ok', message: 'every shared build cache that a build would ask can be read' }];
}

const SLOWER = 'a build works without it, but compiles what it has';

async function examineSpaces({ cacheDirectory, outDirectory }: ContextOptions): Promise<readonly Verdict[]> {
  return Promise.all([
    examineSpace({ name: 'the store', directory: cacheDirectory, ...STORE_SPACE }),
    examineSpace({ name: 'the result', directory: outDirectory, ...OUT_SPACE }),
  ]);
}

/** Throws `KSB_PROXY_INVALID`. */
function examineProxies(environment: NodeJS.ProcessEnv): Verdict {
  for (const url of ['https://host.invalid', 'http://host.invalid'])
    proxyFor(new URL(url), { ...environment, no_proxy: '', NO_PROXY: '' });
  const variables = proxyVariables(environment);
  const set = variables.length > 0;
  return {
    state: 'ok',
    message: set ? 'proxies are set in the environment' : 'no proxy is set in the environment',
    ...(set ? { details: variables } : {}),
  };
}

/** A bundle whose recipes and lockfile are read at the first call of `load`. */
interface NamedBundle {
  readonly name: string;
  readonly load: () => Promise<LockedBundle>;
}

/** The bundles that `bundle` means. */
async function bundlesFor(context: Context, bundle: string | undefined): Promise<readonly NamedBundle[]> {
  const names = bundle === undefined ? defaultBundles(await listRecipes(context)) : [bundle];
  return names.map((name) => ({ name, load: once(() => loadLockedBundle(context, name)) }));
}

async function examineRecipes(bundles: readonly NamedBundle[]): Promise<readonly Verdict[]> {
  return Promise.all(
    bundles.map(async ({ name, load }): Promise<Verdict> => {
      try {
        await load();
        return { state: 'ok', message: `the recipes of ${name} are valid, and its lockfile matches them` };
      } catch (error) {
        if (error instanceof KsbundleError) return faultOf(error);
        throw error;
      }
    }),
  );
}

/** Throws `KSB_NO_PYTHON_INDEX`, and why a bundle cannot be loaded. */
async function examineSources(
  context: Context,
  named: readonly NamedBundle[],
  limit: AbortSignal,
): Promise<readonly Verdict[]> {
  const { store, mirrors, offline, emit } = context;
  const bundles = await Promise.all(named.map(async ({ load }) => load()));
  const sources = new Map(bundles.flatMap(allSources).map((source) => [source.archives[0]?.sha256, source]));
  const fetch = await createFetchContext({
    store,
    mirrors,
    offline,
    emit,
    signal: AbortSignal.any([limit, AbortSignal.timeout(NETWORK_PATIENCE)]),
    http: IMPATIENT,
  });
  try {
    await requirePythonIndex([...sources.values()], fetch);
    return await surveyPlaces([...sources.values()], fetch);
  } finally {
    await fetch.network?.http.close();
  }
}
