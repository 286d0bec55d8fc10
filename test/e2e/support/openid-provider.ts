import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeServerSecrets } from './server-secrets.ts';
import { send, type HttpAnswer } from './http.ts';
import type { Machine } from './machine.ts';
import type { Site } from './site.ts';
import { shell } from './succeed.ts';

/** What is wrong with the provider; see openid-provider.py. */
export type ProviderMode =
  'good' | 'issuer' | 'audience' | 'expired' | 'signature' | 'nonce' | 'unknown' | 'broken';

/** An OpenID Connect provider in a test machine, on loopback, run by a release's Python. */
export interface OpenidProvider {
  readonly start: () => Promise<void>;
  /** Ends it as a crash does. */
  readonly kill: () => Promise<void>;
  readonly become: (mode: ProviderMode) => Promise<void>;
  /** Whether it tells of tokens, or leaves that to those who can read them. */
  readonly introspects: (does: boolean) => Promise<void>;
}

export const ISSUER = 'https://127.0.0.1:8443/realm';
export const CLIENT = 'keystone';
export const CLIENT_SECRET = 's"e\\c $HOME#%ret';
/** File in the machine with `CLIENT_SECRET`. */
export const SECRET_FILE = '/srv/openid/secret';
/** The only user. */
export const ALICE = { id: '4711', name: 'alice', password: 'of alice' };

export async function startOpenidProvider({ machine, release }: Site): Promise<OpenidProvider> {
  const directory = path.join(machine.root, 'srv/openid');
  const mode = path.join(directory, 'mode');
  await mkdir(directory);
  await makeServerSecrets(machine);
  await copyFile(
    path.join(import.meta.dirname, 'openid-provider.py'),
    path.join(directory, 'openid-provider.py'),
  );
  await writeFile(path.join(machine.root, SECRET_FILE), `${CLIENT_SECRET}\n`);
  const provider = {
    start: async () => {
      await shell(
        machine,
        `cd /srv/openid; rm -f log
        setsid "$0/bin/python3" -I -B openid-provider.py 8443 /srv/tls/server.pem /srv/tls/server.key "$1" "$2" mode \
          >log 2>errors </dev/null &
        echo $! >pid; for i in $(seq 100); do ! grep -q ready log || exit 0; sleep 0.1; done; cat errors >&2; exit 1`,
        release,
        CLIENT,
        CLIENT_SECRET,
      );
    },
    kill: async () => {
      await shell(
        machine,
        'p=$(cat /srv/openid/pid); kill -9 "$p"; while [ -e "/proc/$p/exe" ]; do sleep 0.05; done',
      );
    },
    become: (name: ProviderMode) => writeFile(mode, `${name}\n`),
    introspects: (does: boolean) => (does ? rm(`${mode}.jwt`) : writeFile(`${mode}.jwt`, '')),
  };
  await provider.become('good');
  await provider.start();
  return provider;
}

export interface Visit {
  /** The last answer: the first one that is no redirection. */
  readonly answer: HttpAnswer;
  /** The URLs, in order. */
  readonly urls: readonly string[];
}

/** Visits a URL as a new browser does: it follows redirections and returns each host's cookies. */
export async function browse(machine: Machine, url: string, ca: string): Promise<Visit> {
  const cookies = new Map<string, string>();
  const urls: string[] = [];
  for (let next = url; urls.length < 10;) {
    urls.push(next);
    const own = next.startsWith(ISSUER) ? [] : [...cookies].map(([name, value]) => `${name}=${value}`);
    const answer = await send(machine, {
      method: 'GET',
      url: next,
      headers: { accept: 'text/html', ...(own.length === 0 ? {} : { cookie: own.join('; ') }) },
      ca,
    });
    for (const cookie of [answer.headers?.['set-cookie'] ?? []].flat()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      cookies.set(name, value);
    }
    const location = answer.headers?.['location'];
    if (location === undefined) return { answer, urls };
    next = new URL(location, next).href;
  }
  throw new Error(`more than ten redirections: ${urls.join(' ')}`);
}
