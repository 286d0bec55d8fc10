import { nearest } from '../domain/nearest.ts';
import { quote, suggest, type Fault } from './mistake.ts';
import type { PartlyService } from './partly.ts';

/** Checks that the keys of `[data]` are consistent. A service with `hooks` may create its data itself. */
export function checkData(recipe: PartlyService, { hooks }: { readonly hooks: boolean }): Fault[] {
  return [...checkPlaces(recipe), ...checkBulky(recipe), ...(hooks ? [] : checkMaker(recipe))];
}

function checkBulky({ data }: PartlyService): Fault[] {
  const known = (data?.directories ?? []).flatMap((each) => each ?? []);
  return (data?.bulky ?? []).flatMap((name, index): Fault[] =>
    name === undefined || known.includes(name)
      ? []
      : [
          {
            code: 'unknown-directory',
            message: `data.bulky: ${quote(name)} is not one of data.directories`,
            hint: suggest(nearest(name, known)),
            path: ['data', 'bulky', index],
            at: 'value',
          },
        ],
  );
}

/** Data must lie below data/, outside the directory for copies. */
function checkPlaces({ data }: PartlyService): Fault[] {
  return (['sqlite', 'directories'] as const).flatMap((key) =>
    (data?.[key] ?? []).flatMap((name, index): Fault[] =>
      name === undefined || (name.startsWith('data/') && !name.split('/').includes(UPGRADING))
        ? []
        : [
            {
              code: 'bad-path',
              message: `data.${key}: expected a path below data/, such as "data/hello", and without ${quote(UPGRADING)}, not ${quote(name)}`,
              path: ['data', key, index],
              at: 'value',
            },
          ],
    ),
  );
}

/** A program must create the databases: one that only the first request creates would be missing until then. */
function checkMaker({ data }: PartlyService): Fault[] {
  if (data?.sqlite === undefined || data.sqlite.length === 0 || Object.hasOwn(data, 'prepare')) return [];
  return [
    {
      code: 'missing-key',
      message: '[data] lacks "prepare", the program that creates the databases in "sqlite"',
      path: ['data', 'sqlite'],
      at: 'key',
    },
  ];
}

/** Directory below `data/` for copies while they are migrated to another version. */
const UPGRADING = '.upgrading';
