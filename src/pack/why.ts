import { chainsTo } from '../domain/chains.ts';
import { normalizeDistribution } from '../domain/distribution.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { nameOfPart, type Part } from '../domain/manifest.ts';
import { nearest } from '../domain/nearest.ts';
import type { WhyResult } from '../domain/results.ts';
import { readManifestFromTarball } from './inspect.ts';

/**
 * Why a component or distribution is in a release tarball, from the requirements in its manifest. Throws
 * `KSB_NAME_UNKNOWN`, and what
 * `readManifestFromTarball` does.
 */
export async function whyInTarball(file: string, name: string): Promise<WhyResult> {
  const { bundle, components, wheels, requires: roots } = await readManifestFromTarball(file);
  const parts = [
    ...components.map((component) => ({ kind: 'component' as const, ...component })),
    ...wheels.map((wheel) => ({ kind: 'wheel' as const, ...wheel })),
  ];
  const wanted = normalizeDistribution(name);
  const found = parts.find((part) => part.name === name || normalizeDistribution(part.name) === wanted);
  if (found === undefined)
    throw unknownName(
      name,
      parts.map((part) => part.name),
      { where: file, list: `ksbundle inspect ${file}` },
    );
  const { kind, version } = found;
  const requires = new Map(
    parts.map((part): [Part, readonly Part[]] => [`${part.kind}:${part.name}`, part.requires]),
  );
  const chains = chainsTo(`${kind}:${found.name}`, { roots, requires });
  return {
    name: found.name,
    version,
    kind,
    chains: chains.map((chain) => [bundle, ...chain.map(nameOfPart)]),
  };
}

/** The error for a name that `where` does not contain; `list` is the command that lists the valid names. */
export function unknownName(
  name: string,
  names: readonly string[],
  { where, list }: { readonly where: string; readonly list: string },
): KsbundleError {
  const guess = nearest(name, names);
  return new KsbundleError({
    code: 'KSB_NAME_UNKNOWN',
    exitCode: ExitCode.usage,
    message: `${where} has no component or distribution "${name}"`,
    hint: guess === undefined ? `list what is in it: ${list}` : `did you mean "${guess}"?`,
  });
}
