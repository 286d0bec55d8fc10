import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { hashBytes } from '../../../src/io/files.ts';
import type { RunResult } from '../../../src/io/process.ts';
import { releaseName, tarball } from './bundle.ts';
import { send, type HttpAnswer } from './http.ts';
import type { ExecuteOptions, Machine } from './machine.ts';
import { shell } from './succeed.ts';

/** The address that the issue and most tests use. */
export const ADDRESS = '192.168.1.103';

/** A release in a test machine, with the instance below it. Paths are the machine's. */
export interface Site {
  readonly machine: Machine;
  /** Absolute path of the release. */
  readonly release: string;
  readonly instance: string;
}

interface UnpackOptions {
  /** Program that unpacks, in the machine. */
  readonly tar?: readonly string[];
  /** The host's path of a release's tarball; the bundle's by default. */
  readonly from?: string;
}

/** Unpacks a tarball in a directory of the machine, with a tar of the machine's. */
export async function unpack(
  machine: Machine,
  parent: string,
  { tar = ['tar'], from = tarball() }: UnpackOptions = {},
): Promise<Site> {
  const archive = '/var/tmp/bundle.tar.gz';
  await mkdir(path.join(machine.root, parent), { recursive: true });
  await copyFile(from, path.join(machine.root, archive));
  const unpacked = await machine.execute([...tar, '-xzf', archive, '-C', parent]);
  if (unpacked.exitCode !== 0) throw new Error(`cannot unpack in the machine: ${unpacked.stderr}`);
  return siteAt(machine, path.join(parent, releaseName(from)));
}

export function siteAt(machine: Machine, release: string): Site {
  return { machine, release, instance: path.join(release, 'instance') };
}

/**
 * Changes a file of a site's release consistently, with manifest and checksums; `change` may be given the text of a
 * program, to return a script. Returns a function that undoes it.
 */
export async function alterRelease(
  { machine, release }: Pick<Site, 'release'> & { readonly machine: Pick<Machine, 'root'> },
  file: string,
  change: (text: string) => string,
): Promise<() => Promise<void>> {
  const inRelease = (name: string): string => path.join(machine.root, release, name);
  const read = (name: string): Promise<string> => readFile(inRelease(name), 'utf8');
  const [content, manifest, sums] = await Promise.all([
    readFile(inRelease(file)),
    read('manifest.json'),
    read('SHA256SUMS'),
  ]);
  const changed = change(content.toString());
  const swap = (list: string, old: string | Buffer, now: string): string =>
    list.replace(hashBytes(old), hashBytes(now));
  const newManifest = swap(manifest, content, changed);
  if (newManifest === manifest) throw new Error(`${file} was not changed`);
  const write = async (contents: Readonly<Record<string, string | Buffer>>): Promise<void> => {
    for (const [name, bytes] of Object.entries(contents)) await writeFile(inRelease(name), bytes);
  };
  const newSums = swap(swap(sums, content, changed), manifest, newManifest);
  await write({ [file]: changed, 'manifest.json': newManifest, SHA256SUMS: newSums });
  return () => write({ [file]: content, 'manifest.json': manifest, SHA256SUMS: sums });
}

/** Changes the version that a release states. */
export async function pretendVersion(
  release: Parameters<typeof alterRelease>[0],
  version: string,
): Promise<void> {
  await alterRelease(release, 'init/bundle.json', (text) =>
    JSON.stringify({ ...(JSON.parse(text) as object), version }),
  );
}

export async function bootstrap(
  { machine, release }: Site,
  parameters: readonly string[],
  options?: ExecuteOptions,
): Promise<RunResult> {
  return machine.execute([`${release}/init/bootstrap.sh`, ...parameters], options);
}

/** Bootstraps; throws with its output if that fails. */
export async function install(site: Site, parameters: readonly string[]): Promise<RunResult> {
  const result = await bootstrap(site, parameters);
  if (result.exitCode === 0) return result;
  throw new Error(`bootstrap.sh ${parameters.join(' ')} ended with ${result.exitCode}:\n${result.stderr}`);
}

/** bootstrap's message for answers that it refuses without creating an instance. */
export async function refusalOf(site: Site, parameters: readonly string[]): Promise<string> {
  const refused = await bootstrap(site, parameters);
  expect(refused.exitCode, refused.stderr).toBe(3);
  await expect(shell(site.machine, 'ls -d "$0" || echo gone', site.instance)).resolves.toBe('gone');
  return refused.stderr;
}

const OPENSTACK = `
. "$0/admin-openrc.sh"
if [ -n "$2" ]; then OS_AUTH_URL=$2; fi
release=$1
shift 2
exec "$release/bin/openstack" "$@"`;

/** Runs the release's client as the administrator, against another address if one is given. */
export async function openstack(
  { machine, release, instance }: Site,
  parameters: readonly string[],
  options: ExecuteOptions & { readonly url?: string } = {},
): Promise<RunResult> {
  const argv = ['sh', '-c', OPENSTACK, instance, release, options.url ?? '', ...parameters];
  return machine.execute(argv, options);
}

const QUERY = `
cd "$0/run/postgresql" && as=$(stat -c %u .)
PGHOST=/proc/self/cwd exec setpriv --reuid="$as" --regid="$as" --clear-groups "$1/bin/psql" -XAtq -v ON_ERROR_STOP=1 -U "$2" -d keystone -c "$3"`;

/** Output of a statement in the database of the instance's running server. */
export async function queryOwn(
  { machine, release, instance }: Site,
  statement: string,
  role = 'keystone',
): Promise<string> {
  const asked = await machine.execute(['sh', '-c', QUERY, instance, release, role, statement]);
  if (asked.exitCode !== 0) throw new Error(asked.stderr);
  return asked.stdout.trim();
}

/** The administrator's password, from the credentials that bootstrap wrote. */
export async function adminPassword({ machine, instance }: Site): Promise<string> {
  const read = await machine.execute([
    'sh',
    '-c',
    '. "$0/admin-openrc.sh"; printf %s "$OS_PASSWORD"',
    instance,
  ]);
  if (read.exitCode !== 0 || read.stdout === '') throw new Error(`no password: ${read.stderr}`);
  return read.stdout;
}

/** The body of a request for a token of a user, the administrator by default, in the project `admin`. */
export function passwordLogin(password: string, name = 'admin'): string {
  const user = { name, domain: { id: 'default' }, password };
  const scope = { project: { name: 'admin', domain: { id: 'default' } } };
  return JSON.stringify({ auth: { identity: { methods: ['password'], password: { user } }, scope } });
}

/** Requests a token; the status tells the result. */
export async function logIn(machine: Machine, url: string, password: string): Promise<HttpAnswer> {
  const headers = { 'content-type': 'application/json' };
  return send(machine, { method: 'POST', url: `${url}/auth/tokens`, headers, body: passwordLogin(password) });
}

/** A token; throws if none is issued. */
export async function issueToken(machine: Machine, url: string, password: string): Promise<string> {
  const answer = await logIn(machine, url, password);
  const token = answer.headers?.['x-subject-token'];
  if (answer.status === 201 && token !== undefined) return token;
  throw new Error(`no token from ${url}: status ${answer.status}`);
}

/** The statuses, each once, with which each of several nodes validates a token that each issued. */
export async function statusesAcross(
  machine: Machine,
  urls: readonly string[],
  password: string,
): Promise<unknown[]> {
  const found = new Set<unknown>();
  for (const from of urls) {
    const token = await issueToken(machine, from, password);
    const headers = { 'x-auth-token': token, 'x-subject-token': token };
    for (const to of urls)
      found.add((await send(machine, { method: 'GET', url: `${to}/auth/tokens`, headers })).status);
  }
  return [...found];
}
