import { findCycles } from '../domain/graph.ts';
import { nearest } from '../domain/nearest.ts';
import type { SoundBundle, SoundService } from './check-set.ts';
import { contestedClaims, listClaims } from './claims.ts';
import { quote, suggest, type Mistake } from './mistake.ts';

/**
 * Checks that services are consistent with each other and with the bundles that run them. `unreadable` are the names
 * of services that exist but cannot be read; references to them are valid.
 */
export function checkServices(
  services: readonly SoundService[],
  bundles: readonly SoundBundle[],
  unreadable: readonly string[],
): Mistake[] {
  const known = new Map(services.map((service) => [service.document.name, service]));
  const names = new Set([...known.keys(), ...unreadable]);
  return [
    ...checkNeeds(services, names),
    ...checkCycles(known),
    ...bundles.flatMap((bundle) => [
      ...checkListed(bundle, names),
      ...checkTogether(bundle, known),
      ...checkComplete(bundle, known),
    ]),
  ];
}

function unknownService(name: string, known: ReadonlySet<string>) {
  return {
    code: 'unknown-service',
    message: `there is no service ${quote(name)}`,
    hint: suggest(nearest(name, known)) ?? `create init/services/${name}/service.toml`,
  };
}

function checkListed({ document, recipe }: SoundBundle, known: ReadonlySet<string>): Mistake[] {
  return (recipe.services ?? []).flatMap((name, index): Mistake[] =>
    name === undefined || known.has(name)
      ? []
      : [{ document, ...unknownService(name, known), path: ['services', index], at: 'value' }],
  );
}

function checkNeeds(services: readonly SoundService[], known: ReadonlySet<string>): Mistake[] {
  return services.flatMap(({ document, recipe }) =>
    (recipe.needs ?? []).flatMap((need, index): Mistake[] =>
      need?.service === undefined || known.has(need.service)
        ? []
        : [
            {
              document,
              ...unknownService(need.service, known),
              path: ['needs', index, 'service'],
              at: 'value',
            },
          ],
    ),
  );
}

function needsOf(service: SoundService | undefined): string[] {
  return (service?.recipe.needs ?? []).flatMap((need) => need?.service ?? []);
}

function checkCycles(known: ReadonlyMap<string, SoundService>): Mistake[] {
  return findCycles(known.keys(), (name) => needsOf(known.get(name))).flatMap((cycle): Mistake[] => {
    const [first = '', second = ''] = cycle;
    const service = known.get(first);
    if (service === undefined) return [];
    const at = (service.recipe.needs ?? []).findIndex((need) => need?.service === second);
    const message = `services need each other: ${cycle.join(' -> ')}`;
    const hint = 'remove one of these needs';
    return [
      {
        document: service.document,
        code: 'cycle',
        message,
        hint,
        path: ['needs', at, 'service'],
        at: 'value',
      },
    ];
  });
}

/** The services that a bundle's service needs must be in the bundle, too. */
function checkComplete(
  { document, recipe: { services = [] } }: SoundBundle,
  known: ReadonlyMap<string, SoundService>,
): Mistake[] {
  return services.flatMap((name, index) =>
    needsOf(known.get(name ?? '')).flatMap((need): Mistake[] =>
      services.includes(need) || !known.has(need)
        ? []
        : [
            {
              document,
              code: 'missing-service',
              message: `the service ${quote(name ?? '')} needs the service ${quote(need)}, but the bundle does not run it`,
              hint: `add ${quote(need)} to services`,
              path: ['services', index],
              at: 'value',
            },
          ],
    ),
  );
}

/** No two services of a bundle claim the same thing. */
function checkTogether(
  { document: bundle, recipe }: SoundBundle,
  known: ReadonlyMap<string, SoundService>,
): Mistake[] {
  const run = [...new Set(recipe.services)].flatMap((name) => known.get(name ?? '') ?? []);
  const claims = run.map(({ document, recipe: own }) => [document.name, listClaims(own)] as const);
  return run.flatMap(({ document }, index) =>
    contestedClaims(claims[index]?.[1] ?? [], new Map(claims.slice(0, index)), bundle.name).map((fault) => ({
      ...fault,
      document,
    })),
  );
}
