import { RESERVED_NAMES } from '../domain/service.ts';
import { splitPort } from './answer-values.ts';
import { quote, type Fault, type KeyPath } from './mistake.ts';
import type { PartlyService } from './partly.ts';

/** A name, path or port that only one service of an instance can use. */
export interface Claim {
  readonly what: 'answer' | 'daemon' | 'data' | 'path' | 'port';
  readonly value: string;
  /** Key that claims it. */
  readonly path: KeyPath;
  /** Whether it belongs to the kit, which shares it between services. */
  readonly isShared?: boolean;
}

/** Everything that a service claims for itself in an instance. */
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
  return [
    ...found.flatMap(([what, value, path]) => (value === undefined ? [] : [{ what, value, path }])),
    ...kitClaims(recipe),
  ];
}

/** The kit's claims for a Python application: servers, their configuration, and the application's script. */
function kitClaims({ name, wsgi }: PartlyService): Claim[] {
  if (wsgi === undefined) return [];
  const shared = [
    ['path', 'etc/httpd.conf'],
    ['path', 'etc/uwsgi.ini'],
    ['daemon', 'httpd'],
    ['daemon', 'uwsgi'],
  ] as const;
  const own = [
    ['path', `etc/uwsgi-${name}.ini`],
    ['path', `etc/${name}-names.json`],
    ...(Object.hasOwn(wsgi, 'script') ? [] : [['path', `etc/${name}.wsgi`] as const]),
    ['daemon', `uwsgi-${name}`],
  ] as const;
  return [
    ...shared.map(([what, value]) => ({ what, value, path: ['wsgi'], isShared: true })),
    ...own.map(([what, value]) => ({ what, value, path: ['wsgi'] })),
  ];
}

/** A fault for each path, port and daemon that one service claims twice; answers may replace each other. */
export function repeatedClaims(all: readonly Claim[]): Fault[] {
  return all.flatMap((claim, index) => {
    const earlier = all.slice(0, index).find((other) => isSame(claim, other));
    return claim.what === 'answer' || earlier === undefined
      ? []
      : [clash(claim, `the service already uses ${describe(earlier)}`)];
  });
}

/** A fault for each path that belongs to the installer. */
export function reservedClaims(all: readonly Claim[]): Fault[] {
  return all
    .filter(({ what, value }) => what === 'path' && RESERVED_NAMES.includes(value.split('/')[0] ?? ''))
    .map((claim) => clash(claim, `${quote(claim.value)} belongs to the installer`));
}

/** What a service claims in an instance, by the service's name. */
export type ClaimsByService = ReadonlyMap<string, readonly Claim[]>;

/** A fault for each claim that one of the `others` in the same bundle also makes. */
export function contestedClaims(own: readonly Claim[], others: ClaimsByService, bundle: string): Fault[] {
  return own.flatMap((claim) => {
    for (const [service, claims] of others) {
      const earlier = claims.find((each) => isSame(claim, each));
      if (earlier === undefined) continue;
      const message = `the service ${quote(service)} also uses ${describe(earlier)}, and the bundle ${quote(bundle)} runs both`;
      return [clash(claim, message)];
    }
    return [];
  });
}

function clash({ what, path }: Claim, message: string): Fault {
  return { code: `duplicate-${what}`, message, hint: 'choose another', path, at: 'value' };
}

function describe({ what, value }: Claim): string {
  return `the ${what} ${what === 'port' ? value : quote(value)}`;
}

/** Data may not lie inside other data either: each is copied separately. */
function isSame(one: Claim, other: Claim): boolean {
  if (one.what !== other.what || (one.isShared === true && other.isShared === true)) return false;
  const within = (inner: string, outer: string): boolean => inner.startsWith(`${outer}/`);
  return (
    one.value === other.value ||
    (one.what === 'data' && (within(one.value, other.value) || within(other.value, one.value)))
  );
}
