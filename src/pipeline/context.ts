import path from 'node:path';
import type { Emit } from '../domain/events.ts';
import type { Platform } from '../domain/platform.ts';
import type { Store } from '../domain/store.ts';
import { createFetchContext, type FetchContext } from '../fetch/context.ts';
import type { Confinement } from '../io/confinement.ts';
import { openStore } from '../store/open.ts';
import { confine } from './confinement.ts';

/** The settings of a run; every path is absolute. */
export interface ContextOptions {
  readonly platform: Platform;
  readonly jobs: number;
  readonly offline: boolean;
  /** Mirror directories or URLs, tried in order before all others. */
  readonly mirrors: readonly string[];
  readonly cacheDirectory: string;
  /** Directory for tarballs. */
  readonly outDirectory: string;
  readonly recipesDirectory: string;
  readonly lockfilesDirectory: string;
  /** Finished pages for operators; by default, ksbundle's own are used. */
  readonly pagesDirectory?: string | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Shared by all stages of a run. */
export interface Context extends ContextOptions {
  readonly store: Store;
  readonly fetch: FetchContext;
  /** The confinement of a build's programs; determined once, with a warning if it is incomplete. */
  readonly confinement: () => Promise<Confinement>;
}

/** Opens the store and creates its directories; throws `KSB_MIRROR_INVALID` for a mirror that cannot be used. */
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

/** `find`, called at the first call only. */
export function once<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | undefined;
  return () => (found ??= find());
}
