import { asTask, type Emit } from '../domain/events.ts';
import type { OciResult } from '../domain/results.ts';
import { makeOci, type OciOptions } from '../pack/oci/make.ts';
import { readVerifyingKeys } from './keys.ts';

/** Makes an image of a tarball. Throws what `readVerifyingKeys` and `makeOci` throw. */
export async function imageFile(
  tarball: string,
  {
    keys: files,
    ...options
  }: Omit<OciOptions, 'keys'> & {
    readonly keys: readonly string[];
    readonly emit: Emit;
    readonly signal: AbortSignal;
  },
): Promise<OciResult> {
  const keys = await readVerifyingKeys(files);
  return asTask(options, { task: 'oci', title: 'oci' }, async () => ({
    outcome: 'done',
    value: await makeOci(tarball, { ...options, keys }),
  }));
}
