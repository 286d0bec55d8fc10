import { findDuplicates } from './duplicates.ts';
import type { Fault } from './mistake.ts';
import type { PartlyBundle } from './partly.ts';

/**
 * Checks the embedded packages of a component or bundle: each is declared once, and a CPE belongs to a single
 * package.
 */
export function checkEmbeds(embeds: PartlyBundle['embeds'] = []): Fault[] {
  return embeds.flatMap((embed, index): Fault[] => {
    if (embed === undefined) return [];
    const path = ['embeds', index];
    const packages = embed.packages ?? [];
    return [
      ...findDuplicates(embed.packages, [...path, 'packages']),
      ...(embed.cpe === undefined || packages.length < 2
        ? []
        : [
            {
              code: 'conflicting-keys',
              message: `"cpe" names one package, but the table declares ${packages.length}`,
              hint: 'declare the package with this CPE in a separate [[embeds]]',
              path: [...path, 'cpe'],
              at: 'key',
            } satisfies Fault,
          ]),
    ];
  });
}
