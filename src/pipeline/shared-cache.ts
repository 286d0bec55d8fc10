import type { ComponentPlan } from '../build/plan.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { SHARED_RECORD_TYPE } from '../domain/shared-artifact.ts';
import { openSharedCaches, type Proof, type SharedCaches } from '../fetch/shared-cache.ts';
import { createHttpClient, type HttpOptions } from '../io/http.ts';
import { isSignedBy, parseEnvelope } from '../pack/envelope.ts';
import type { VerifyingKey } from '../pack/key.ts';
import type { Context } from './context.ts';
import { readVerifyingKeys } from './keys.ts';

/** Shared build caches to take artifacts from. */
export interface SharedCacheFiles {
  /** Directories and URLs, in the order to try them. */
  readonly from: readonly string[];
  /** Absolute paths of public keys; a signature by one of them is enough. */
  readonly keys: readonly string[];
  /** Whether to fail if an artifact is neither in the store nor in a cache, instead of compiling. */
  readonly only: boolean;
}

/** A cache saves time, so it may not cost more than it saves. */
const PATIENCE = { timeouts: { connect: 5_000, headers: 10_000, idle: 20_000 }, retry: { retries: 2 } };

/** Opens shared build caches. Throws what reading keys and `openSharedCaches` throw. */
export async function openShared(
  { store, fetch, emit, signal }: Context,
  { from, keys: files }: SharedCacheFiles,
  patience: Omit<HttpOptions, 'environment'> = PATIENCE,
): Promise<SharedCaches> {
  const keys = await readVerifyingKeys(files);
  const network =
    fetch.network === undefined ? undefined : { ...fetch.network, http: createHttpClient(patience) };
  return openSharedCaches({
    places: from,
    prove: (text) => proveRecord(text, keys),
    store,
    network,
    emit,
    signal,
  });
}

async function proveRecord(text: string, keys: readonly VerifyingKey[]): Promise<Proof> {
  const envelope = parseEnvelope(text);
  if (envelope?.type !== SHARED_RECORD_TYPE) return { why: 'its record cannot be read' };
  if (envelope.signatures.length === 0) return { why: 'its record is not signed' };
  for (const key of keys)
    if (await isSignedBy(envelope, key)) return { payload: envelope.bytes, signer: key.id };
  return { why: 'its record is not signed with a key of --cache-key' };
}

/** Throws `KSB_ARTIFACT_MISSING` or `KSB_ARTIFACT_REFUSED` unless every component is in the store. */
export function requireTaken(
  plans: readonly ComponentPlan[],
  { refused }: Pick<SharedCaches, 'refused'>,
): void {
  const missing = plans.filter((plan) => !('record' in plan)).map(({ component }) => component);
  if (missing.length === 0) return;
  const guilty = refused().filter(({ component }) => missing.includes(component));
  const problems = guilty.map(({ component, version, cache, why }) => ({
    code: 'refused',
    message: `${component} ${version} from ${cache}: ${why}`,
  }));
  const lacking = {
    message: `${missing.length} ${missing.length === 1 ? 'component is' : 'components are'} neither in the store nor, proven, in a build cache`,
    why: missing.join(', '),
  };
  if (guilty.length > 0)
    throw new KsbundleError({
      code: 'KSB_ARTIFACT_REFUSED',
      exitCode: ExitCode.integrity,
      ...lacking,
      problems,
      hint: 'check --cache-key; if it is right, tell the keeper of the build cache. Without --cache-only, what is missing is compiled here',
    });
  throw new KsbundleError({
    code: 'KSB_ARTIFACT_MISSING',
    exitCode: ExitCode.failed,
    ...lacking,
    hint: 'export it where it is built: ksbundle cache export DIR BUNDLE; without --cache-only, it is compiled here',
  });
}
