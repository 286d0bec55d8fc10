import { randomBytes } from 'node:crypto';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isSha256, type Sha256 } from '../../../src/domain/digest.ts';
import type { Event } from '../../../src/domain/events.ts';
import { DEFAULT_PLATFORM, parsePlatform } from '../../../src/domain/platform.ts';
import type { BuildResult, CacheExportResult } from '../../../src/domain/results.ts';
import {
  envelopePath,
  formatSharedRecord,
  parseSharedRecord,
  SHARED_RECORD_TYPE,
  type SharedRecord,
} from '../../../src/domain/shared-artifact.ts';
import { createFetchContext } from '../../../src/fetch/context.ts';
import { openSharedCaches } from '../../../src/fetch/shared-cache.ts';
import { CONFINEMENT_TOOLS } from '../../../src/host/tools.ts';
import { hashBytes, hashFile, listTree, removeTree } from '../../../src/io/files.ts';
import { findProgram } from '../../../src/io/find-program.ts';
import { createHttpClient } from '../../../src/io/http.ts';
import { sealEnvelope } from '../../../src/pack/envelope.ts';
import { readSigningKey } from '../../../src/pack/keys.ts';
import { pipeline, type Context } from '../../../src/pipeline.ts';
import { openShared, type SharedCacheFiles } from '../../../src/pipeline/shared-cache.ts';
import { openStore } from '../../../src/store/open.ts';
import { ksbundle } from '../../e2e/support/cli.ts';
import { makeTinyBundle, type TinyBundle } from '../../e2e/support/tiny-bundle.ts';
import { makeTar } from '../../support/archives.ts';
import { sendFile, serve, type TestServer } from '../../support/http-server.ts';

const platform = parsePlatform(DEFAULT_PLATFORM);
if (platform === undefined) throw new TypeError(DEFAULT_PLATFORM);

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-build-cache-'));
  onTestFinished(() => removeTree(directory));
  return directory;
}

/** Bytes that gzip cannot make smaller, so that a download can be cut in the middle of them. */
const NOTE = randomBytes(1 << 20);

interface Shared {
  readonly tiny: TinyBundle;
  /** The shared cache. */
  readonly directory: string;
  readonly key: string;
  readonly otherKey: string;
  /** Digest of the tarball that was built without a cache. */
  readonly tarball: Sha256;
  readonly exported: CacheExportResult;
}

interface Machine {
  readonly context: Context;
  readonly events: readonly Event[];
}

interface MachineOptions {
  readonly mirrors?: readonly string[];
  readonly offline?: boolean;
}

/** A machine with an empty store, and the project. */
async function coldMachine(shared: Pick<Shared, 'tiny'>, options: MachineOptions = {}): Promise<Machine> {
  return machineWith(path.join(await temporaryDirectory(), 'store'), { ...shared, ...options });
}

async function machineWith(
  store: string,
  { tiny, mirrors = [tiny.mirror], offline = false }: MachineOptions & Pick<Shared, 'tiny'>,
): Promise<Machine> {
  const events: Event[] = [];
  const context = await pipeline.openContext({
    platform: platform as NonNullable<typeof platform>,
    jobs: 2,
    offline,
    mirrors,
    cacheDirectory: store,
    outDirectory: path.join(path.dirname(store), 'out'),
    recipesDirectory: tiny.recipes,
    lockfilesDirectory: path.dirname(tiny.lockfile),
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
  });
  return { context, events };
}

let original: Shared;
const leftovers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-build-cache-'));
  leftovers.push(() => removeTree(directory));
  const tiny = await makeTinyBundle({
    archive: [
      { path: 'top/LICENSE', content: 'As you like.\n' },
      { path: 'top/note.txt', content: NOTE },
    ],
    onEnd: (remove) => leftovers.push(remove),
  });
  const [key = '', otherKey = ''] = ['cache.key', 'other.key'].map((name) => path.join(directory, name));
  for (const file of [key, otherKey]) await pipeline.generateKeys({ file });
  const { context } = await machineWith(tiny.cache, { tiny });
  const built = await pipeline.buildBundle(context, 'tiny');
  const shared = path.join(directory, 'shared');
  const exported = await pipeline.exportCache(context, {
    directory: shared,
    bundles: [],
    sign: { files: [key] },
  });
  original = { tiny, directory: shared, key, otherKey, tarball: await hashFile(built.tarball), exported };
});
afterAll(() => Promise.all(leftovers.map((remove) => remove())));

/** A copy of the shared cache, which a test may change. */
async function share(): Promise<Shared> {
  const directory = path.join(await temporaryDirectory(), 'shared');
  await cp(original.directory, directory, { recursive: true });
  return { ...original, directory };
}

function trusting({ key }: Shared, from: readonly string[], only = false): { shared: SharedCacheFiles } {
  return { shared: { from, keys: [`${key}.pub`], only } };
}

/** The components that were compiled. */
function compiled({ events }: Machine): string[] {
  return events
    .flatMap((event) => (event.type === 'task-ended' && event.outcome === 'done' ? event.task : []))
    .filter((task) => task.startsWith('build:') && task !== 'build:toolchain')
    .map((task) => task.slice('build:'.length))
    .sort();
}

function warnings({ events }: Pick<Machine, 'events'>): string[] {
  return events.flatMap((event) => (event.type === 'warning' ? event.message : []));
}

async function expectSame({ tarball }: Shared, result: BuildResult): Promise<void> {
  expect(await hashFile(result.tarball)).toBe(tarball);
}

/** Serves a directory; `intercept` may answer instead. */
async function serveDirectory(
  directory: string,
  intercept: (...[request, response]: Parameters<Parameters<typeof serve>[0]>) => boolean = () => false,
): Promise<TestServer> {
  return serve((request, response) => {
    if (intercept(request, response)) return;
    readFile(path.join(directory, request.url ?? '')).then(
      (content) => sendFile(request, response, { content, etag: `"${hashBytes(content)}"` }),
      () => response.writeHead(404).end(),
    );
  });
}

function exportedArtifact({ exported }: Shared, name: string): CacheExportResult['artifacts'][number] {
  const found = exported.artifacts.find(({ component }) => component === name);
  if (found === undefined) throw new TypeError(name);
  return found;
}

interface WrittenEnvelope {
  payloadType: string;
  payload: string;
  signatures: { keyid: string; sig: string }[];
}

/** Changes the envelope of the record of `note`. */
async function changeEnvelope(shared: Shared, change: (envelope: WrittenEnvelope) => void): Promise<void> {
  const file = path.join(shared.directory, envelopePath(exportedArtifact(shared, 'note').key));
  const envelope = JSON.parse(await readFile(file, 'utf8')) as WrittenEnvelope;
  change(envelope);
  await writeFile(file, JSON.stringify(envelope));
}

/** Replaces the record of `note` by a changed one, with a real signature. */
async function signChanged(
  shared: Shared,
  change: (record: SharedRecord) => Partial<SharedRecord>,
  { type = SHARED_RECORD_TYPE, key = shared.key } = {},
): Promise<void> {
  const signer = await readSigningKey({ file: key }, async () => 'openssl');
  const file = path.join(shared.directory, envelopePath(exportedArtifact(shared, 'note').key));
  const { payload } = JSON.parse(await readFile(file, 'utf8')) as WrittenEnvelope;
  const record = parseSharedRecord(Buffer.from(payload, 'base64'));
  if (record === undefined) throw new TypeError('no record');
  const bytes = formatSharedRecord({ ...record, ...change(record) });
  await writeFile(file, await sealEnvelope({ type, bytes }, [signer]));
}

function artifactFile(shared: Shared): string {
  return path.join(shared.directory, 'artifacts', `${exportedArtifact(shared, 'note').file.sha256}.tar.gz`);
}

async function unpackedArtifact(shared: Shared): Promise<Buffer> {
  return gunzipSync(await readFile(artifactFile(shared)));
}

async function changeByte(shared: Shared): Promise<void> {
  const content = await readFile(artifactFile(shared));
  content[500_000] = (content[500_000] ?? 0) ^ 1;
  await writeFile(artifactFile(shared), content);
}

/** Writes another file for the artifact of `note`, which the signed record names. */
async function shareOther(shared: Shared, content: Buffer): Promise<SharedRecord['file']> {
  const sha256 = hashBytes(content);
  await writeFile(path.join(shared.directory, 'artifacts', `${sha256}.tar.gz`), content);
  return { sha256, size: content.length };
}

describe('a cold machine', () => {
  it('takes everything from a directory, without a network, sources or a compiler, and makes the same tarball', async () => {
    const shared = await share();
    const machine = await coldMachine(shared, { mirrors: [], offline: true });
    const plan = await pipeline.planBuild(machine.context, 'tiny', trusting(shared, [shared.directory]));
    expect(plan.slice(0, 2).sort()).toEqual(['take note 1.0.0', 'take pretender 1.0.0']);
    expect(await machine.context.store.builds.list()).toEqual([]);

    const result = await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [shared.directory]));
    await expectSame(shared, result);
    expect(result.refused).toEqual([]);
    expect([compiled(machine), warnings(machine)]).toEqual([[], []]);
    expect(machine.events.map((event) => ('task' in event ? event.task : ''))).not.toContain(
      'build:toolchain',
    );
    const { keys } = shared.exported;
    for (const record of await machine.context.store.builds.list())
      if (record.component !== 'tiny') expect(record.signers).toEqual(keys);

    const taken = (await pipeline.listCache(machine.context)).filter(({ signers }) => signers !== undefined);
    expect(taken.map(({ name }) => name).sort()).toEqual(['note 1.0.0', 'pretender 1.0.0']);

    // The provenance beside the tarball says so; the one of the other machine does not.
    const note = exportedArtifact(shared, 'note');
    const provenance = await readFile(`${result.tarball}.intoto.json`, 'utf8');
    expect(JSON.parse(provenance).predicate.runDetails.builder.version).not.toHaveProperty('make');
    const dependencies = JSON.parse(provenance).predicate.buildDefinition.resolvedDependencies as unknown[];
    expect(dependencies).toContainEqual({
      name: 'artifact:note-1.0.0',
      digest: { sha256: note.artifact },
      annotations: { signedBy: keys },
    });
    expect(await readFile(`${shared.tiny.tarball}.intoto.json`, 'utf8').catch(() => '')).not.toContain(
      'artifact:',
    );
  });

  it('takes everything from a server, and nothing twice', async () => {
    const shared = await share();
    const server = await serveDirectory(shared.directory);
    const machine = await coldMachine(shared, { mirrors: [] });
    await expectSame(
      shared,
      await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [`${server.url}/`], true)),
    );
    expect(compiled(machine)).toEqual([]);
    expect(server.requests.length).toBe(4);
    await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [server.url]));
    expect(server.requests.length).toBe(4);
  });

  it('asks no server offline', async () => {
    const shared = await share();
    const server = await serveDirectory(shared.directory);
    const machine = await coldMachine(shared, { offline: true });
    await expectSame(
      shared,
      await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [server.url])),
    );
    expect(server.requests).toEqual([]);
    expect(compiled(machine)).toEqual(['note', 'pretender']);
    await expect(
      pipeline.buildBundle((await coldMachine(shared, { offline: true })).context, 'tiny', {
        shared: { from: [server.url], keys: [`${shared.key}.pub`], only: true },
      }),
    ).rejects.toMatchObject({ facts: { code: 'KSB_ARTIFACT_MISSING', exitCode: 1 } });
  });

  it('compiles only what the cache lacks, and looks into the next one first', async () => {
    const shared = await share();
    const note = exportedArtifact(shared, 'note');
    const second = await temporaryDirectory();
    const { context } = await machineWith(shared.tiny.cache, shared);
    await pipeline.exportCache(context, {
      directory: second,
      bundles: ['tiny'],
      sign: { files: [shared.otherKey] },
    });
    await rm(path.join(shared.directory, envelopePath(note.key)));

    const machine = await coldMachine(shared);
    await expectSame(
      shared,
      await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [shared.directory])),
    );
    expect([compiled(machine), warnings(machine)]).toEqual([['note'], []]);

    const both = await coldMachine(shared, { mirrors: [], offline: true });
    const keys = [shared.key, shared.otherKey].map((file) => `${file}.pub`);
    const from = [shared.directory, second];
    await pipeline.buildBundle(both.context, 'tiny', { shared: { from, keys, only: true } });
    expect(compiled(both)).toEqual([]);
  });

  it('passes on who built what it took', async () => {
    const shared = await share();
    const machine = await coldMachine(shared, { mirrors: [], offline: true });
    await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [shared.directory]));
    const relay = await temporaryDirectory();
    const sign = { files: [shared.otherKey] };
    await pipeline.exportCache(machine.context, { directory: relay, bundles: [], sign });
    const last = await coldMachine(shared, { mirrors: [], offline: true });
    const keys = [`${shared.otherKey}.pub`];
    await pipeline.buildBundle(last.context, 'tiny', { shared: { from: [relay], keys, only: true } });
    const { keys: relayed } = await pipeline.exportCache(machine.context, {
      directory: relay,
      bundles: [],
      sign,
    });
    const signersOf = async ({ context }: Machine): Promise<unknown[]> =>
      (await context.store.builds.list()).flatMap(({ signers }) => (signers === undefined ? [] : [signers]));
    const chain = [...relayed, ...shared.exported.keys];
    expect(await signersOf(last)).toEqual([chain, chain]);

    // Whoever distrusts one of both keys forgets what it vouched for.
    for (const key of [shared.key, shared.otherKey]) {
      const result = await pipeline.distrustKey(last.context, `${key}.pub`);
      expect(result.forgotten.map(({ component }) => component)).toEqual(['note', 'pretender']);
      expect(await signersOf(last)).toEqual([]);
      await pipeline.buildBundle(last.context, 'tiny', { shared: { from: [relay], keys, only: true } });
      expect(await signersOf(last)).toEqual([chain, chain]);
    }
    expect((await pipeline.distrustKey(machine.context, keys[0] ?? '')).forgotten).toEqual([]);
  });
});

interface Attack {
  readonly name: string;
  readonly why: RegExp;
  readonly attack: (shared: Shared) => Promise<void>;
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'not signed',
    why: /its record is not signed$/u,
    attack: (shared) =>
      changeEnvelope(shared, (envelope) => {
        envelope.signatures = [];
      }),
  },
  {
    name: 'signed with another key',
    why: /not signed with a key of --cache-key/u,
    attack: (shared) => signChanged(shared, () => ({}), { key: shared.otherKey }),
  },
  {
    name: 'altered after it was signed',
    why: /not signed with a key of --cache-key/u,
    attack: (shared) =>
      changeEnvelope(shared, (envelope) => {
        const record = Buffer.from(envelope.payload, 'base64').toString();
        envelope.payload = Buffer.from(record.replace('"time":', '"time":1')).toString('base64');
      }),
  },
  {
    name: 'signed as something else by the same key',
    why: /its record cannot be read$/u,
    attack: (shared) => signChanged(shared, () => ({}), { type: 'application/vnd.in-toto+json' }),
  },
  {
    name: 'a page instead of a record',
    why: /its record cannot be read$/u,
    attack: (shared) =>
      writeFile(path.join(shared.directory, envelopePath(exportedArtifact(shared, 'note').key)), '<html>'),
  },
  {
    name: 'an endless record',
    why: /its record cannot be read$/u,
    attack: (shared) =>
      writeFile(
        path.join(shared.directory, envelopePath(exportedArtifact(shared, 'note').key)),
        ' '.repeat(1 << 17),
      ),
  },
  {
    name: 'the record of another component',
    why: /its record is that of pretender 1\.0\.0/u,
    attack: (shared) =>
      copyFile(
        path.join(shared.directory, envelopePath(exportedArtifact(shared, 'pretender').key)),
        path.join(shared.directory, envelopePath(exportedArtifact(shared, 'note').key)),
      ),
  },
  {
    name: 'of another build key',
    why: /its record is that of note 1\.0\.0/u,
    attack: (shared) => signChanged(shared, () => ({ key: hashBytes('another') })),
  },
  {
    name: 'truncated',
    why: /do not have the digest in its record/u,
    attack: async (shared) =>
      writeFile(artifactFile(shared), (await readFile(artifactFile(shared))).subarray(0, 1000)),
  },
  {
    name: 'changed by a byte',
    why: /do not have the digest in its record/u,
    attack: changeByte,
  },
  {
    name: 'longer than its record says',
    why: /artifacts\/[0-9a-f]+\.tar\.gz: it is larger than \d+ bytes/u,
    attack: async (shared) => writeFile(artifactFile(shared), randomBytes(3 << 20)),
  },
  {
    name: 'without its file',
    why: /artifacts\/[0-9a-f]+\.tar\.gz: not found/u,
    attack: (shared) => rm(artifactFile(shared)),
  },
  {
    name: 'no gzip, although it is signed',
    why: /the artifact of note is damaged/u,
    attack: async (shared) => {
      const file = await shareOther(shared, Buffer.from('no gzip'));
      await signChanged(shared, () => ({ file }));
    },
  },
  {
    name: 'other content, although it is signed',
    why: /do not have the digest in its record/u,
    attack: async (shared) => {
      const content = gzipLikeKsbundle(Buffer.alloc(1000, 'x'));
      const file = await shareOther(shared, content);
      await signChanged(shared, () => ({ file }));
    },
  },
  {
    name: 'far more content than its record says',
    why: /it is larger than the \d+ bytes of its record/u,
    attack: async (shared) => {
      const file = await shareOther(shared, gzipLikeKsbundle(Buffer.alloc(4_000_000)));
      await signChanged(shared, () => ({ file }));
    },
  },
];

/** One gzip member with the header that ksbundle writes. */
function gzipLikeKsbundle(content: Buffer, level = 6): Buffer {
  const bytes = gzipSync(content, { level });
  bytes[8] = 0;
  bytes[9] = 3;
  return bytes;
}

describe('an artifact that nothing proves', () => {
  it.each(ATTACKS)('is refused, and nothing of it stays: $name', async ({ attack, why }) => {
    const shared = await share();
    await attack(shared);
    const { component, version, key } = exportedArtifact(shared, 'note');
    for (const from of [shared.directory, (await serveDirectory(shared.directory)).url]) {
      const machine = await coldMachine(shared);
      const { store } = machine.context;
      const caches = await openShared(machine.context, trusting(shared, [from]).shared);
      expect(await caches.take({ component, version, key })).toBeUndefined();
      expect(await caches.take({ component, version, key })).toBeUndefined();
      expect(caches.refused()).toEqual([
        { component, version, cache: from, why: expect.stringMatching(why) },
      ]);
      expect(warnings(machine)).toEqual([
        `note 1.0.0 from the build cache ${from} was refused: ${caches.refused()[0]?.why}`,
      ]);
      expect([await store.list(), await store.builds.list(), await readdir(store.temporary)]).toEqual([
        [],
        [],
        [],
      ]);
    }
  });

  it('is compiled instead, to the same tarball', async () => {
    const shared = await share();
    await changeByte(shared);
    const machine = await coldMachine(shared);
    const result = await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [shared.directory]));
    await expectSame(shared, result);
    expect(compiled(machine)).toEqual(['note']);
    expect(result.refused).toMatchObject([{ component: 'note', cache: shared.directory }]);
    const note = (await machine.context.store.builds.list()).find(({ component }) => component === 'note');
    expect(note).toMatchObject({ artifact: exportedArtifact(shared, 'note').artifact });
    expect(note).not.toHaveProperty('signers');
  });

  it('writes nothing outside its directory, even if it is signed', async () => {
    const shared = await share();
    const tar = makeTar([{ path: 'share/../../../escaped', content: 'x' }]);
    const [artifact, size] = [hashBytes(tar), tar.length];
    const file = await shareOther(shared, gzipLikeKsbundle(tar));
    await signChanged(shared, () => ({ artifact, size, file }));
    const machine = await coldMachine(shared);
    await expect(
      pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [shared.directory])),
    ).rejects.toMatchObject({ facts: { code: 'KSB_ARCHIVE_HOSTILE', exitCode: 4 } });
    const written = await listTree(path.dirname(machine.context.cacheDirectory));
    expect(written.filter(({ path: name }) => name.includes('escaped'))).toEqual([]);
    await pipeline.distrustKey(machine.context, `${shared.key}.pub`);
    await expectSame(shared, await pipeline.buildBundle(machine.context, 'tiny'));
  });

  it('fails a build that may not compile, with the exit code of integrity', async () => {
    const shared = await share();
    await changeEnvelope(shared, (envelope) => {
      envelope.signatures = [];
    });
    const machine = await coldMachine(shared);
    await expect(
      pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [shared.directory], true)),
    ).rejects.toMatchObject({
      facts: {
        code: 'KSB_ARTIFACT_REFUSED',
        exitCode: 4,
        why: 'note',
        problems: [{ code: 'refused', message: expect.stringContaining('its record is not signed') }],
      },
    });
    expect(compiled(machine)).toEqual([]);
  });
});

describe('a server', () => {
  /** Sends only the start of the artifact of `note` as long as `isSlow`, and records what ranges were asked for. */
  async function serveSlowly(shared: Shared, isSlow: () => boolean) {
    const ranges: (string | undefined)[] = [];
    const { sha256: etag, size } = exportedArtifact(shared, 'note').file;
    const content = await readFile(artifactFile(shared));
    const server = await serveDirectory(shared.directory, (request, response) => {
      if (request.url !== `/artifacts/${path.basename(artifactFile(shared))}`) return false;
      ranges.push(request.headers.range);
      if (!isSlow()) return false;
      response.writeHead(200, { 'content-length': size, etag: `"${etag}"` });
      response.write(content.subarray(0, 400_000));
      return true;
    });
    return { server, ranges };
  }
  const fromTheMiddle = [undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/u)];

  it('that cuts a download off is asked for the rest', async () => {
    const shared = await share();
    let isSlow = true;
    const { server, ranges } = await serveSlowly(shared, () => isSlow);
    const { context } = await coldMachine(shared, { mirrors: [] });
    const emit = (event: Event): void => {
      if (event.type !== 'task-progress' || !event.task.endsWith('note') || !isSlow) return;
      isSlow = false;
      server.cut();
    };
    const { shared: files } = trusting(shared, [server.url]);
    const caches = await openShared({ ...context, emit }, files);
    expect(await caches.take(exportedArtifact(shared, 'note'))).toMatchObject({ component: 'note' });
    expect(ranges).toEqual(fromTheMiddle);
  });

  it('whose download was interrupted is asked for the rest by the next run', async () => {
    const shared = await share();
    let isSlow = true;
    const { server, ranges } = await serveSlowly(shared, () => isSlow);
    const { context } = await coldMachine(shared, { mirrors: [] });
    const stop = new AbortController();
    const emit = (event: Event): void => {
      if (event.type === 'task-progress') stop.abort(new Error('enough'));
    };
    const wanted = exportedArtifact(shared, 'note');
    const { shared: files } = trusting(shared, [server.url]);
    const interrupted = await openShared({ ...context, emit, signal: stop.signal }, files);
    await expect(interrupted.take(wanted)).rejects.toThrow('enough');
    isSlow = false;
    expect(await (await openShared(context, files)).take(wanted)).toMatchObject({ component: 'note' });
    expect(ranges).toEqual(fromTheMiddle);
  });

  it('that is gone is left out with one warning', async () => {
    const shared = await share();
    const server = await serveDirectory(shared.directory);
    await server.close();
    const machine = await coldMachine(shared);
    const result = await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [server.url]));
    await expectSame(shared, result);
    expect(compiled(machine)).toEqual(['note', 'pretender']);
    expect(result.refused).toEqual([]);
    expect(warnings(machine)).toEqual([
      `the build cache ${server.url} is left out of this run: ${server.url.slice(7)} refused the connection`,
    ]);
  });

  it('that does not answer, or stops in the middle of a file, is left out with one warning', async () => {
    const shared = await share();
    const { component, version, key } = exportedArtifact(shared, 'note');
    for (const stuck of ['/builds/', '/artifacts/']) {
      const server = await serveDirectory(shared.directory, (request, response) => {
        if (request.url?.startsWith(stuck) !== true) return false;
        if (stuck === '/artifacts/') response.writeHead(200, { 'content-length': 1 << 20 }).write('x');
        return true;
      });
      const events: Event[] = [];
      const store = await openStore(await temporaryDirectory());
      const emit = (event: Event): void => void events.push(event);
      const { network } = await createFetchContext({ store, emit });
      if (network === undefined) throw new TypeError('no network');
      const http = createHttpClient({
        timeouts: { headers: 200, idle: 200 },
        retry: { retries: 1, delay: 1 },
      });
      onTestFinished(() => http.close());
      const caches = openSharedCaches({
        places: [server.url],
        prove: async (text) => {
          const { payload } = JSON.parse(text) as WrittenEnvelope;
          return { payload: Buffer.from(payload, 'base64'), signer: key };
        },
        store,
        network: { ...network, http },
        emit,
        signal: new AbortController().signal,
      });
      const wanted = { component, version, key };
      expect(await Promise.all([caches.take(wanted), caches.take(wanted)])).toEqual([undefined, undefined]);
      const asked = server.requests.length;
      expect(await caches.take(wanted)).toBeUndefined();
      expect(server.requests.length).toBe(asked);
      expect(warnings({ events })).toEqual([
        expect.stringMatching(/is left out of this run: (?:no answer in time|the transfer stalled)$/u),
      ]);
      expect(caches.refused()).toEqual([]);
    }
  });

  it('serves two builds at once, each file once', async () => {
    const shared = await share();
    const server = await serveDirectory(shared.directory);
    const one = await coldMachine(shared, { mirrors: [] });
    const two = await machineWith(one.context.store.root, { ...shared, mirrors: [] });
    const results = await Promise.all(
      [one, two].map(({ context }) =>
        pipeline.buildBundle(context, 'tiny', trusting(shared, [server.url], true)),
      ),
    );
    for (const result of results) await expectSame(shared, result);
    const files = server.requests.filter((request) => request.includes('/artifacts/'));
    expect(files.length).toBe(new Set(files).size);
    expect(await pipeline.verifyCache(one.context)).toMatchObject({ damaged: [] });
  });
});

it('a directory that is not there is left out with one warning', async () => {
  const shared = await share();
  const machine = await coldMachine(shared);
  const missing = path.join(await temporaryDirectory(), 'unplugged');
  await expectSame(shared, await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [missing])));
  expect(warnings(machine)).toEqual([
    `the build cache ${missing} is left out of this run: there is no directory ${path.join(missing, 'builds')}`,
  ]);
});

describe('an export', () => {
  it('has only components, keeps what it has, and heals it', async () => {
    const shared = await share();
    expect(shared.exported.artifacts.map(({ component, written }) => [component, written])).toEqual([
      ['note', true],
      ['pretender', true],
    ]);
    const { context } = await machineWith(shared.tiny.cache, shared);
    const again = { directory: shared.directory, bundles: ['tiny'], sign: { files: [shared.key] } };
    const second = await pipeline.exportCache(context, again);
    expect(second.artifacts.map(({ written }) => written)).toEqual([false, false]);
    await writeFile(artifactFile(shared), 'damaged');
    const third = await pipeline.exportCache(context, again);
    expect(new Map(third.artifacts.map(({ component, written }) => [component, written]))).toEqual(
      new Map([
        ['note', true],
        ['pretender', false],
      ]),
    );
    // The right name and content, but other bytes than the name says.
    await writeFile(artifactFile(shared), gzipLikeKsbundle(await unpackedArtifact(shared), 0));
    expect(
      (await pipeline.exportCache(context, again)).artifacts.filter(({ written }) => written),
    ).toHaveLength(1);
    const machine = await coldMachine(shared, { mirrors: [], offline: true });
    await pipeline.buildBundle(machine.context, 'tiny', trusting(shared, [shared.directory], true));
    const names = (await readdir(path.join(shared.directory, 'artifacts'))).map(
      (name) => name.split('.')[0] ?? '',
    );
    expect(names.length).toBe(2);
    expect(names.every(isSha256)).toBe(true);
  });

  it('signs nothing that somebody put there', async () => {
    const shared = await share();
    const file = await shareOther(shared, gzipLikeKsbundle(Buffer.from('planted')));
    await signChanged(shared, () => ({ file }), { key: shared.otherKey });
    const { context } = await machineWith(shared.tiny.cache, shared);
    const sign = { files: [shared.key] };
    await pipeline.exportCache(context, { directory: shared.directory, bundles: [], sign });
    const cold = await coldMachine(shared, { mirrors: [], offline: true });
    const caches = await openShared(cold.context, trusting(shared, [shared.directory]).shared);
    expect(await caches.take(exportedArtifact(shared, 'note'))).toBeDefined();
  });

  it('of a bundle that is not built fails, and names what is missing', async () => {
    const shared = await share();
    const { context } = await coldMachine(shared);
    const directory = path.join(await temporaryDirectory(), 'never');
    await expect(
      pipeline.exportCache(context, { directory, bundles: ['tiny'], sign: { files: [shared.key] } }),
    ).rejects.toMatchObject({ facts: { code: 'KSB_ARTIFACT_MISSING', exitCode: 1 } });
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the command line', () => {
  it('takes without the programs that compile, and a rebuild compiles although a cache has everything', async () => {
    const shared = await share();
    const { tiny, key, directory } = shared;
    const server = await serveDirectory(directory);
    const settings = { KSBUNDLE_CACHE_FROM: server.url, KSBUNDLE_CACHE_KEY: `${key}.pub` };
    const cold = await temporaryDirectory();
    const programs = path.join(cold, 'bin');
    await mkdir(programs);
    for (const { name } of CONFINEMENT_TOOLS)
      await symlink((await findProgram(name, process.env['PATH'] ?? '')) ?? name, path.join(programs, name));
    const bare = { environment: { ...settings, PATH: programs } };
    const options = [...tiny.options.slice(0, -1), path.join(cold, 'store'), '--out', path.join(cold, 'out')];
    const withoutCache = { environment: { PATH: programs } };
    expect(await ksbundle(['build', 'tiny', ...options], withoutCache)).toMatchObject({ exitCode: 3 });
    const built = await ksbundle(['build', 'tiny', ...options, '--cache-only', '--json'], bare);
    expect(built.exitCode, built.stderr).toBe(0);
    const result = JSON.parse(built.stdout) as BuildResult;
    await expectSame(shared, result);
    expect(server.requests.length).toBe(4);

    const rebuild = ['rebuild', result.tarball, '--trust', '--cache', path.join(cold, 'store')];
    const again = await ksbundle([...rebuild, '--mirror', tiny.mirror, '--events', 'ndjson'], {
      environment: settings,
    });
    expect(again.exitCode, again.stderr).toBe(0);
    expect(again.stderr).toContain('"task":"build:note","outcome":"done"');
    expect(server.requests.length).toBe(4);
  });

  it('wants a key with a cache, and a key to export', async () => {
    const { tiny } = await share();
    const refused = await ksbundle([...tiny.build, '--cache-from', 'somewhere']);
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain('--cache-from needs --cache-key KEY');
    const unsigned = await ksbundle(['cache', 'export', 'somewhere', 'tiny', ...tiny.options]);
    expect(unsigned).toMatchObject({ exitCode: 2, stdout: '' });
    expect(unsigned.stderr).toContain('needs --sign KEY');
  });
});
