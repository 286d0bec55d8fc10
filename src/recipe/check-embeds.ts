import { findDuplicates } from './duplicates.ts';
import type { Fault } from './mistake.ts';
import type { PartlyBundle } from './partly.ts';

/** What must agree within what a component or bundle declares as embedded: each package once, a CPE for one alone. */
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
              message: `"cpe" is the name of one package, and there are ${packages.length}`,
              hint: 'declare the one that has it in an [[embeds]] of its own',
              path: [...path, 'cpe'],
              at: 'key',
            } satisfies Fault,
          ]),
    ];
  });
}
