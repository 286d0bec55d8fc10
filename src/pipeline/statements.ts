import type { Part, VexStatement } from '../domain/manifest.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import type { Lockfile } from '../domain/lock.ts';
import type { Bundle, Component } from '../domain/recipe.ts';
import { didYouMean } from './did-you-mean.ts';

export interface Stating {
  readonly bundle: Bundle;
  /** All components that the bundle needs. */
  readonly components: readonly Component[];
  readonly lockfile: Lockfile;
}

/**
 * The statements about vulnerabilities of a bundle's recipe, then of its components' recipes. Throws `KSB_VEX_UNKNOWN`
 * for statements about parts that are not in the bundle.
 */
export function collectStatements({ bundle, components, lockfile }: Stating): readonly VexStatement[] {
  const parts = new Map<string, Part>([
    ...lockfile.wheels.map(({ name }): [string, Part] => [name, `wheel:${name}`]),
    ...components.map(({ name }): [string, Part] => [name, `component:${name}`]),
  ]);
  const unknown = [...new Set(bundle.statements.map(({ part }) => part))].filter((name) => !parts.has(name));
  if (unknown.length > 0) {
    throw new KsbundleError({
      code: 'KSB_VEX_UNKNOWN',
      exitCode: ExitCode.usage,
      message: `${bundle.name} has [[vex]] statements about parts that it does not contain`,
      place: { file: bundle.origin.file },
      problems: unknown.map((name) => ({
        code: 'unknown-part',
        message: `[[vex]]: the bundle has no component and no distribution "${name}"`,
        ...didYouMean(name, parts.keys()),
      })),
      hint: 'correct the name, or remove the statement',
    });
  }
  return [
    ...bundle.statements.flatMap(({ part: name, embedded, ...statement }) => {
      const part = parts.get(name);
      if (part === undefined || part === 'bundle') return [];
      return [{ part: embedded === undefined ? part : (`${part}/${embedded}` as const), ...statement }];
    }),
    ...components.flatMap(({ name, statements }) =>
      statements.map((statement): VexStatement => ({ part: `component:${name}`, ...statement })),
    ),
  ];
}
