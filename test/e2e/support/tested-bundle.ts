import { earlierTarball, tarball } from './bundle.ts';
import type { ReleaseAge } from './cell.ts';
import { adminPassword, logIn, type Site } from './site.ts';

/** What a run changes, in words, and its parameters. */
export type Alteration = readonly [words: string, parameters: readonly string[]];

/** A bundle that the installer's generic tests run with, and what they must know of it. */
export interface TestedBundle {
  readonly name: string;
  /** Makes its tarball, and that of a version whose instances it takes over. */
  readonly tarballs: () => Promise<Readonly<Record<ReleaseAge, string>>>;
  /** Parameters of an install with as few processes as will do. */
  readonly install: readonly string[];
  /** Where it serves then, and another port. */
  readonly port: number;
  readonly otherPort: number;
  /** Runs with answers that are its own, one after the other. */
  readonly alterations: readonly Alteration[];
  /** Gives an instance that serves at `port` data to lose; without it, an install makes some. */
  readonly fill?: (site: Site) => Promise<unknown>;
  /** Learns of an instance what tells whether it serves its data at a port of the machine's loopback. */
  readonly observe: (site: Site) => Promise<(port: number) => Promise<boolean>>;
  /** Programs of its own that the installer runs and waits for, by the end of their paths. */
  readonly helpers: readonly string[];
  /** Regular expression of files of an instance that daemons write as they run. */
  readonly volatile: string;
}

export const KEYSTONE: TestedBundle = {
  name: 'keystone',
  tarballs: async () => ({ present: tarball(), former: earlierTarball() }),
  install: ['--processes', '1'],
  port: 5000,
  otherPort: 5001,
  alterations: [
    ['other answers', ['--region', 'South', '--port', '5001', '--demo']],
    ['another server', ['--server', 'uwsgi']],
  ],
  observe: async (site) => {
    const password = await adminPassword(site);
    return async (port) => {
      const url = `http://127.0.0.1:${port}/v3`;
      const answer = await logIn(site.machine, url, password).catch(() => undefined);
      return answer?.status === 201;
    };
  },
  helpers: ['init/services/keystone/boot.py'],
  volatile: 'run/(?!memcached$).*|tmp/.*',
};
