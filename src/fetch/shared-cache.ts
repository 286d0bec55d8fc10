import { compareBytes } from '../domain/compare-bytes.ts';
import type { Sha256 } from '../domain/digest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { asTask } from '../domain/events.ts';
import type { RefusedArtifact } from '../domain/results.ts';
import { artifactPath, parseSharedRecord, type SharedRecord } from '../domain/shared-artifact.ts';
import type { BuildRecord, SharedArtifacts, WantedArtifact } from '../domain/store.ts';
import { redactUrl } from '../domain/url.ts';
import { parsePlace, type Mirror } from './mirrors.ts';
import { bringArtifact, readEnvelope, Unproven, type Reach } from './shared-place.ts';

/** The payload of an envelope and the key that signed it, or why nothing proves it. */
export type Proof = { readonly payload: Buffer; readonly signer: Sha256 } | { readonly why: string };

export interface SharedCacheOptions extends Reach {
  /** Directories, or `file:`, `http:` or `https:` URLs, in the order to try them. */
  readonly places: readonly string[];
  /** Verifies the text of an envelope. */
  readonly prove: (text: string) => Promise<Proof>;
}

export interface SharedCaches extends SharedArtifacts {
  /** By component, what was found and not used so far, because nothing proves it; each was also reported as a warning. */
  readonly refused: () => readonly RefusedArtifact[];
}

interface Cache {
  readonly place: Mirror;
  /** Without credentials. */
  readonly name: string;
}

/** A record that the owner of a trusted key signed. */
interface Proven extends SharedRecord {
  readonly signer: Sha256;
}

/**
 * Opens shared build caches. An artifact is used only if a trusted key signed its record, the record is that of the
 * wanted component and build key, and the bytes match the record. What cannot be proven is refused with a warning, and a
 * cache that cannot be read is left out of the run with a warning: in both cases the next cache is tried. Throws
 * `KSB_BAD_VALUE` for an invalid URL.
 */
export function openSharedCaches(options: SharedCacheOptions): SharedCaches {
  const { emit, store, signal } = options;
  const caches = openCaches(options);
  const leftOut = new Set<Cache>();
  const refused: RefusedArtifact[] = [];
  /** Caches that do not have an artifact, or a refused one, by build key. */
  const without = new Map<Sha256, Set<Cache>>();

  const passOver = (cache: Cache, { key }: WantedArtifact): undefined => {
    without.set(key, (without.get(key) ?? new Set()).add(cache));
  };
  const leaveOut = (cache: Cache, why: string): undefined => {
    if (leftOut.has(cache)) return;
    leftOut.add(cache);
    emit({
      type: 'warning',
      message: `the build cache ${cache.name} is left out of this run: ${why}`,
      hint: 'what it has is compiled here instead',
    });
  };
  const refuse = (cache: Cache, wanted: WantedArtifact, why: string): undefined => {
    const { component, version } = wanted;
    refused.push({ component, version, cache: cache.name, why });
    emit({
      type: 'warning',
      message: `${component} ${version} from the build cache ${cache.name} was refused: ${why}`,
      grave: true,
      hint: 'check --cache-key; if it is right, that cache is damaged or forged: tell its keeper',
    });
    return passOver(cache, wanted);
  };

  const lookIn = async (cache: Cache, wanted: WantedArtifact): Promise<Proven | undefined> => {
    const found = await readEnvelope(cache.place, wanted.key, options);
    if ('fault' in found) return leaveOut(cache, found.fault);
    if (found.text === undefined) return passOver(cache, wanted);
    const proof = await options.prove(found.text);
    if ('why' in proof) return refuse(cache, wanted, proof.why);
    const record = parseSharedRecord(proof.payload);
    if (record === undefined)
      return refuse(cache, wanted, 'its record cannot be read, although it is signed');
    if (
      record.key !== wanted.key ||
      record.component !== wanted.component ||
      record.version !== wanted.version
    )
      return refuse(cache, wanted, `its record is that of ${record.component} ${record.version}`);
    return { ...record, signer: proof.signer };
  };

  const takeFrom = async (cache: Cache, wanted: WantedArtifact): Promise<BuildRecord | undefined> => {
    const proven = await lookIn(cache, wanted);
    if (proven === undefined) return undefined;
    const task = {
      task: `fetch:artifact:${wanted.component}`,
      title: `${wanted.component} ${wanted.version} from the build cache`,
    };
    try {
      const obtained = await asTask({ emit, signal }, task, async () => {
        const value = await bringArtifact(cache.place, proven, { ...options, task: task.task });
        if ('why' in value && value.file === undefined) throw new Unreadable(value.why);
        if ('why' in value) throw new Unproven(`its file ${artifactPath(proven.file.sha256)}: ${value.why}`);
        return { outcome: 'done', value };
      });
      const record = recordOf(proven);
      if (obtained.content.size !== record.size)
        return refuse(cache, wanted, 'it has another size than its record');
      await store.builds.write(record);
      return record;
    } catch (error) {
      if (error instanceof Unreadable) return leaveOut(cache, error.message);
      if (error instanceof Unproven) return refuse(cache, wanted, error.message);
      if (!(error instanceof KsbundleError) || error.facts.exitCode !== ExitCode.integrity) throw error;
      const { code, message } = error.facts;
      const why = code === 'KSB_DIGEST_MISMATCH' ? 'its bytes do not have the digest in its record' : message;
      return refuse(cache, wanted, why);
    }
  };

  const first = async <T>(
    wanted: WantedArtifact,
    attempt: (cache: Cache, wanted: WantedArtifact) => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    for (const cache of caches) {
      if (leftOut.has(cache) || without.get(wanted.key)?.has(cache) === true) continue;
      const found = await attempt(cache, wanted);
      if (found !== undefined) return found;
    }
    return undefined;
  };

  return {
    look: async (wanted) => {
      const proven = await first(wanted, lookIn);
      return proven === undefined ? undefined : recordOf(proven);
    },
    take: (wanted) => first(wanted, takeFrom),
    refused: () => refused.toSorted((a, b) => compareBytes(a.component, b.component)),
  };
}

/** Why a cache cannot be read. */
class Unreadable extends Error {}

function openCaches({ places, network }: SharedCacheOptions): readonly Cache[] {
  return places
    .map((text): Cache => {
      const place = parsePlace(text);
      if (place !== undefined) return { place, name: redactUrl(text) };
      throw new KsbundleError({
        code: 'KSB_BAD_VALUE',
        exitCode: ExitCode.usage,
        message: `the build cache ${redactUrl(text)} cannot be used: it is not a valid URL`,
        hint: 'give --cache-from a directory that ksbundle cache export wrote, or its http or https URL',
      });
    })
    .filter(({ place }) => place.kind === 'directory' || network !== undefined);
}

function recordOf({ signer, signers = [], ...proven }: Proven): BuildRecord {
  const { key, artifact, size, component, version, time, created } = proven;
  return { key, artifact, size, component, version, time, created, signers: [signer, ...signers] };
}
