import { copyFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Machine } from '../../../test/e2e/support/machine.ts';
import { passwordLogin, type Site } from '../../../test/e2e/support/site.ts';
import { succeed } from '../../../test/e2e/support/succeed.ts';
import { QUICK, type Variant } from './keystones.ts';

/** The same application in a process of an interpreter: milliseconds of processor time. */
export interface Interpreted {
  readonly name: string;
  readonly python: string;
  /** Loading the application. */
  readonly load: number;
  /** A request. */
  readonly validate: number;
  readonly issueQuickly: number;
}

const COUNT = 80;
const WSGI_CLIENT = path.join(import.meta.dirname, '../../../test/support/wsgi_client.py');

/** Calls the release's Keystone in the release's Python and in the machine's, in both orders; the variant is of the release. */
export async function compareInterpreters(
  machine: Machine,
  site: Site,
  variant: Variant,
): Promise<readonly Interpreted[]> {
  const interpreters = [
    { name: 'the bundle’s', program: path.join(site.release, 'bin/python3') },
    { name: 'Debian’s', program: '/usr/bin/python3.13' },
  ];
  const script = '/srv/in_process.py';
  await copyFile(path.join(import.meta.dirname, 'in_process.py'), path.join(machine.root, script));
  await copyFile(WSGI_CLIENT, path.join(machine.root, path.dirname(script), path.basename(WSGI_CLIENT)));
  const { uid, gid } = await stat(path.join(machine.root, site.instance, 'data/keystone.db'));
  const account = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  const parameters = [
    path.join(site.release, 'lib/python3.13/site-packages'),
    path.join(site.instance, 'etc/keystone.wsgi'),
    String(COUNT),
  ];
  const results: Interpreted[] = [];
  await variant.configure();
  // It is not asked, but the cache that it starts is.
  await variant.start();
  try {
    for (const { name, program } of [...interpreters, ...interpreters.toReversed()]) {
      const argv = [...account, program, '-I', '-S', script, ...parameters];
      const input = passwordLogin(variant.password, QUICK);
      const printed = await succeed(machine, argv, { input });
      results.push({ name, ...(JSON.parse(printed) as Omit<Interpreted, 'name'>) });
    }
  } finally {
    await variant.stop();
  }
  return results;
}
