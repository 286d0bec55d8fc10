import { splitPort } from './answer-values.ts';
import { quote, type Fault, type KeyPath } from './mistake.ts';
import type { PartlyService } from './partly.ts';

/** Something that only one service of an instance can have. */
export interface Claim {
  readonly what: 'answer' | 'daemon' | 'data' | 'path' | 'port';
  readonly value: string;
  /** Key that it is claimed by. */
  readonly path: KeyPath;
}

/** What a service has for itself in an instance. */
export function listClaims(recipe: PartlyService): Claim[] {
  const {
    name,
    answer = [],
    listener = [],
    directory = [],
    file = [],
    daemon = [],
    secret = [],
    data,
  } = recipe;
  const found: readonly (readonly [Claim['what'], string | undefined, KeyPath])[] = [
    ...answer.map((each, at) => ['answer', each?.name, ['answer', at, 'name']] as const),
    ...listener.flatMap(
      (each, at) =>
        [
          ['answer', each?.answer, ['listener', at, 'answer']],
          ['answer', each?.['public-url'], ['listener', at, 'public-url']],
          ['port', splitPort(each?.default ?? ''), ['listener', at, 'default']],
        ] as const,
    ),
    ...directory.map((each, at) => ['path', each?.path, ['directory', at, 'path']] as const),
    ...file.map((each, at) => ['path', each?.path, ['file', at, 'path']] as const),
    ...daemon.map((each, at) => ['daemon', each && (each.name ?? name), ['daemon', at, 'name']] as const),
    ...secret.map((each, at) => ['path', each?.path, ['secret', at, 'path']] as const),
    ...(['sqlite', 'directories'] as const).flatMap((key) =>
      (data?.[key] ?? []).map((each, at) => ['data', each, ['data', key, at]] as const),
    ),
  ];
  return found.flatMap(([what, value, path]) => (value === undefined ? [] : [{ what, value, path }]));
}

/** A fault for each path, port and daemon that one service claims twice; its answers may replace one another. */
export function repeatedClaims(all: readonly Claim[]): Fault[] {
  return all.flatMap((claim, index) => {
    const earlier = all.slice(0, index).find((other) => isSame(claim, other));
    return claim.what === 'answer' || earlier === undefined
      ? []
      : [clash(claim, `the service has ${describe(earlier)} already`)];
  });
}

/** A fault for each claim that another service of the same bundle makes, too. */
export function contestedClaims(
  own: readonly Claim[],
  other: readonly Claim[],
  between: { readonly service: string; readonly bundle: string },
): Fault[] {
  return own.flatMap((claim) => {
    const earlier = other.find((each) => isSame(claim, each));
    if (earlier === undefined) return [];
    const message = `the service ${quote(between.service)} has ${describe(earlier)}, and the bundle ${quote(between.bundle)} runs both`;
    return [clash(claim, message)];
  });
}

function clash({ what, path }: Claim, message: string): Fault {
  return { code: `duplicate-${what}`, message, hint: 'choose another', path, at: 'value' };
}

function describe({ what, value }: Claim): string {
  return `the ${what} ${what === 'port' ? value : quote(value)}`;
}

/** Data may not lie in other data either: each is copied by itself. */
function isSame(one: Claim, other: Claim): boolean {
  if (one.what !== other.what) return false;
  const within = (inner: string, outer: string): boolean => inner.startsWith(`${outer}/`);
  return (
    one.value === other.value ||
    (one.what === 'data' && (within(one.value, other.value) || within(other.value, one.value)))
  );
}
