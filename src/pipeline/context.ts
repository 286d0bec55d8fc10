import path from 'node:path';
import type { Emit } from '../domain/events.ts';
import type { Platform } from '../domain/platform.ts';
import type { Store } from '../domain/store.ts';
import { createFetchContext, type FetchContext } from '../fetch/context.ts';
import type { Confinement } from '../io/confinement.ts';
import { openStore } from '../store/open.ts';
import { confine } from './confinement.ts';

/** What a run is told; every path is absolute. */
export interface ContextOptions {
  readonly platform: Platform;
  readonly jobs: number;
  readonly offline: boolean;
  /** Mirror directories or URLs, tried in order before all others. */
  readonly mirrors: readonly string[];
  readonly cacheDirectory: string;
  /** Directory that tarballs are written to. */
  readonly outDirectory: string;
  readonly recipesDirectory: string;
  readonly lockfilesDirectory: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** What all stages of a run share. */
export interface Context extends ContextOptions {
  readonly store: Store;
  readonly fetch: FetchContext;
  /** How far programs that a build runs are shut in; found out, and said where it is not all the way, once. */
  readonly confinement: () => Promise<Confinement>;
}

/** Opens the store, which makes its directories; throws `KSB_MIRROR_INVALID` for a mirror that cannot be used. */
export async function openContext(options: ContextOptions): Promise<Context> {
  const { emit, signal, mirrors, offline } = options;
  const store = await openStore(options.cacheDirectory, emit);
  return {
    ...options,
    store,
    fetch: await createFetchContext({ store, mirrors, offline, emit, signal }),
    confinement: once(() =>
      confine({ root: path.join(options.cacheDirectory, 'work', 'root'), emit, signal }),
    ),
  };
}

function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= find());
}
