import { KsbundleError } from '../../src/domain/errors.ts';

/** Facts of the error that rejects a promise; throws unless it is one for the user. */
export async function factsOf(promise: Promise<unknown>): Promise<KsbundleError['facts']> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof KsbundleError)) throw new Error(`no error for the user: ${String(error)}`);
  return error.facts;
}
