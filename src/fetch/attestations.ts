import type { Sha256 } from '../domain/digest.ts';
import type { FetchContext } from './context.ts';
import { readPage } from './read-page.ts';

/**
 * Whether the files of a distribution have their publisher's attestation (PEP 740), as the indexes tell, by digest. Files of which
 * none tells are left out: all of them offline, and where an index speaks HTML or a version of the API before 1.3. The
 * first index that lists a file counts, as for uv. The attestations themselves are not verified.
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
