import type { Sha256 } from '../domain/digest.ts';
import type { FetchContext } from './context.ts';
import { readPage } from './read-page.ts';

/**
 * Returns, by digest, whether the indexes list a publisher's attestation (PEP 740) for each file of a distribution.
 * Leaves out a file if no index says: always when offline, and when an index answers in HTML or in a version of the
 * API before 1.3. The first index that lists a file decides, as in uv. Does not verify the attestations.
 */
export async function readAttestations(
  project: string,
  { network, signal }: Pick<FetchContext, 'network' | 'signal'>,
): Promise<ReadonlyMap<Sha256, boolean>> {
  if (network === undefined) return new Map();
  const known = new Map<Sha256, boolean | undefined>();
  for (const index of (await network.pythonIndexes()).indexes) {
    const files = await readPage(`${index}/${project}/`, { network, signal });
    if ('why' in files) continue;
    for (const { sha256, isAttested } of files)
      if (sha256 !== undefined && !known.has(sha256)) known.set(sha256, isAttested);
  }
  return new Map(
    [...known].flatMap(([sha256, isAttested]) => (isAttested === undefined ? [] : [[sha256, isAttested]])),
  );
}
