import type { Listener } from '../domain/service.ts';

/* Defaults of a service that depend on its other tables. */

interface HasWsgi {
  readonly wsgi?: object | undefined;
}

export function protocolOf(
  { protocol }: { readonly protocol?: Listener['protocol'] | undefined },
  { wsgi }: HasWsgi,
): Listener['protocol'] {
  return protocol ?? (wsgi === undefined ? 'tcp' : 'http');
}
