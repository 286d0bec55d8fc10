import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Event } from '../../../src/domain/events.ts';
import type { Store } from '../../../src/domain/store.ts';
import { createFetchContext, type FetchContext, type FetchOptions } from '../../../src/fetch/context.ts';
import { fetchSource, wheelSource } from '../../../src/fetch/source.ts';
import { hashBytes } from '../../../src/io/files.ts';
import { openStore } from '../../../src/store/open.ts';
import { files, sendFile, serve } from '../../support/http-server.ts';
import { startProxy } from '../../support/proxy-server.ts';
import { debian, https, archiveOf, python, sourceOf } from '../../support/sources.ts';

const DEBIAN_FILE = 'zlib_1.3.dfsg+really1.3.2.orig.tar.gz';

let directory: string;
let store: Store;
let events: Event[];

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'ksbundle-fetch-'));
  events = [];
  store = await openStore(path.join(directory, 'store'), (event) => events.push(event));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A context with only the given `options`. */
async function contextWith(options: Partial<FetchOptions> = {}): Promise<FetchContext> {
  const context = await createFetchContext({
    store,
    emit: (event) => events.push(event),
    hostRoot: path.join(directory, 'host'),
    http: { retry: { delay: 1 } },
    ...options,
    environment: { HOME: directory, PATH: path.join(directory, 'bin'), ...options.environment },
  });
  onTestFinished(async () => context.network?.http.close());
  return context;
}

async function makeMirror(contents: Readonly<Record<string, string>>): Promise<string> {
  const mirror = await mkdtemp(path.join(directory, 'mirror-'));
  for (const [name, content] of Object.entries(contents)) await writeFile(path.join(mirror, name), content);
  return mirror;
}

async function configureDebian(...bases: string[]): Promise<void> {
  await mkdir(path.join(directory, 'host/etc/apt'), { recursive: true });
  const lines = bases.map((base) => `deb ${base} bookworm main\n`);
  await writeFile(path.join(directory, 'host/etc/apt/sources.list'), lines.join(''));
}

const outcomes = () => events.flatMap((event) => (event.type === 'task-ended' ? [event.outcome] : []));

describe('upstream', () => {
  test('the first URL that has the file is used, and the file is stored', async () => {
    const server = await serve(files({ '/real/a.tar.gz': 'content' }));
    const archive = archiveOf(
      'a.tar.gz',
      'content',
      https(`${server.url}/gone/a.tar.gz`),
      https(`${server.url}/real/a.tar.gz`),
    );
    const fetched = await fetchSource(sourceOf(archive), await contextWith());
    expect(fetched).toMatchObject({
      sha256: archive.sha256,
      size: 7,
      file: 'a.tar.gz',
      archive,
      from: `${server.url}/real/a.tar.gz`,
      path: store.pathOf(archive.sha256),
    });
    expect(await readFile(fetched.path, 'utf8')).toBe('content');
    expect(await readdir(store.temporary)).toEqual([]);

    expect(await fetchSource(sourceOf(archive), await contextWith())).toMatchObject({ from: 'store' });
    expect(server.requests).toHaveLength(2);
    expect(outcomes()).toEqual(['done', 'reused']);
    expect(events).toContainEqual({
      type: 'task-progress',
      task: 'fetch:a.tar.gz',
      done: 7,
      total: 7,
      unit: 'bytes',
    });
  });

  test('an entry damaged on the disk is reported and fetched again', async () => {
    const server = await serve(files({ '/a': 'content' }));
    const source = sourceOf(archiveOf('a', 'content', https(`${server.url}/a`)));
    const { path: file } = await fetchSource(source, await contextWith());
    await chmod(file, 0o644);
    await writeFile(file, 'damaged');
    expect(await fetchSource(source, await contextWith())).toMatchObject({ from: `${server.url}/a` });
    expect(await readFile(file, 'utf8')).toBe('content');
    expect(events.filter((event) => event.type === 'warning')).toHaveLength(1);
  });

  test('wrong bytes stop it at once, with both digests, and are not kept', async () => {
    const server = await serve(files({ '/bad': 'wrong', '/good': 'content' }));
    const archive = archiveOf('a', 'content', https(`${server.url}/bad`), https(`${server.url}/good`));
    await expect(fetchSource(sourceOf(archive), await contextWith())).rejects.toMatchObject({
      facts: {
        code: 'KSB_DIGEST_MISMATCH',
        exitCode: 4,
        why: expect.stringContaining(`${server.url}/bad`),
        details: [`expected sha256:${hashBytes('content')}`, `     got sha256:${hashBytes('wrong')}`],
      },
    });
    expect(await store.list()).toEqual([]);
    expect(await readdir(store.temporary)).toEqual([]);
    expect(outcomes()).toEqual(['failed']);
  });

  test('if no place has the file, each place is listed with its reason', async () => {
    const server = await serve(files({}));
    const source = sourceOf(
      archiveOf('a.tar.gz', 'content', https(`${server.url.replace('//', '//user:secret@')}/a.tar.gz`)),
      archiveOf('a.orig.tar.gz', 'other', debian('a/a/a.orig.tar.gz')),
      archiveOf('a.whl', 'wheel', python('a', 'a.whl')),
    );
    const mirror = await makeMirror({});
    await expect(fetchSource(source, await contextWith({ mirrors: [mirror] }))).rejects.toMatchObject({
      facts: {
        code: 'KSB_FETCH_FAILED',
        exitCode: 1,
        message: 'cannot fetch a.tar.gz',
        details: [
          expect.stringMatching(
            new RegExp(`^${mirror}: contains none of .*a\\.tar\\.gz.*a\\.orig\\.tar\\.gz`),
          ),
          `${server.url.replace('//', '//***@')}/a.tar.gz: not found (status 404)`,
          'debian:a/a/a.orig.tar.gz: this host has no Debian mirror in /etc/apt',
          expect.stringMatching(/^python:a\/a\.whl: .*KSBUNDLE_PYTHON_INDEX/),
        ],
        hint: expect.stringContaining('ksbundle mirror DIR'),
      },
    });
  });

  test.each([
    { refuse: 403, why: 'refused the connection (status 403)' },
    { refuse: 'cut', why: 'closed the connection' },
  ] as const)('a proxy that $why is among the reasons', async ({ refuse, why }) => {
    const proxy = await startProxy(refuse);
    onTestFinished(() => proxy.close());
    const source = sourceOf(archiveOf('a', 'content', https('https://upstream.example/a')));
    await expect(
      fetchSource(source, await contextWith({ environment: { HTTPS_PROXY: proxy.url } })),
    ).rejects.toMatchObject({
      facts: {
        details: [expect.stringContaining(`https://upstream.example/a: the proxy ${proxy.url} ${why}`)],
      },
    });
  });

  test('two at once download once', async () => {
    const server = await serve(files({ '/a': 'content' }));
    const source = sourceOf(archiveOf('a', 'content', https(`${server.url}/a`)));
    const contexts = [await contextWith(), await contextWith()];
    await Promise.all(contexts.map((context) => fetchSource(source, context)));
    expect(server.requests).toHaveLength(1);
  });

  test('an interrupted download is resumed, also if its bytes on the disk were damaged meanwhile', async () => {
    const content = Buffer.alloc(200_000, 'content');
    const ranges: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      ranges.push(request.headers.range);
      sendFile(request, response, {
        content,
        etag: '"1"',
        ...(ranges.length === 1 ? { stallAfter: 100_000 } : {}),
      });
    });
    const source = sourceOf(archiveOf('a', content, https(`${server.url}/a`)));
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const interrupted = fetchSource(
      source,
      await contextWith({
        signal: controller.signal,
        emit: (event) => event.type === 'task-progress' && controller.abort(reason),
      }),
    );
    await expect(interrupted).rejects.toBe(reason);
    const partial = path.join(store.temporary, `${hashBytes(content)}.part`);
    const { length } = await readFile(partial);
    expect(length).toBeGreaterThan(0);
    await writeFile(partial, Buffer.alloc(length, 'x'));

    expect(await fetchSource(source, await contextWith())).toMatchObject({ size: content.length });
    expect(ranges).toEqual([undefined, `bytes=${length}-`, undefined]);
    expect(await readdir(store.temporary)).toEqual([]);
  });
});

describe('mirrors', () => {
  test("a mirror directory comes before all URLs, with any of the file's names", async () => {
    const server = await serve(files({ '/a-1.tar.gz': 'upstream' }));
    const upstream = archiveOf('a-1.tar.gz', 'upstream', https(`${server.url}/a-1.tar.gz`));
    const repacked = archiveOf('a.tar.gz', 'repacked', debian(`a/a/${DEBIAN_FILE}`));
    const mirror = await makeMirror({ [DEBIAN_FILE]: 'repacked' });
    expect(
      await fetchSource(
        sourceOf(upstream, repacked),
        await contextWith({ mirrors: [pathToFileURL(mirror).href] }),
      ),
    ).toMatchObject({ archive: repacked, from: path.join(mirror, DEBIAN_FILE) });
    expect(server.requests).toEqual([]);
  });

  test('a name may belong to another archive of the source', async () => {
    const mirror = await makeMirror({ 'a.tar.gz': 'repacked' });
    const repacked = archiveOf('a_1.orig.tar.gz', 'repacked');
    const source = sourceOf(archiveOf('a.tar.gz', 'upstream'), repacked);
    expect(await fetchSource(source, await contextWith({ mirrors: [mirror] }))).toMatchObject({
      archive: repacked,
    });
  });

  test('wrong bytes in a mirror are refused, naming the file', async () => {
    const server = await serve(files({ '/a': 'content' }));
    const mirror = await makeMirror({ a: 'wrong' });
    const source = sourceOf(archiveOf('a', 'content', https(`${server.url}/a`)));
    await expect(fetchSource(source, await contextWith({ mirrors: [mirror] }))).rejects.toMatchObject({
      facts: { code: 'KSB_DIGEST_MISMATCH', why: expect.stringContaining(path.join(mirror, 'a')) },
    });
    expect(await readdir(store.temporary)).toEqual([]);
  });

  test('a name with other bytes is no error if the right file has the digest before its name', async () => {
    const archive = archiveOf('v1.tar.gz', 'content');
    const mirror = await makeMirror({
      'v1.tar.gz': 'other',
      [`${archive.sha256.slice(0, 12)}-v1.tar.gz`]: 'content',
    });
    expect(await fetchSource(sourceOf(archive), await contextWith({ mirrors: [mirror] }))).toMatchObject({
      archive,
    });
  });

  test('a mirror may be a URL', async () => {
    const server = await serve(files({ [`/mirror/${DEBIAN_FILE}`]: 'content' }));
    const source = sourceOf(archiveOf('a', 'content', debian(`z/zlib/${DEBIAN_FILE}`)));
    expect(await fetchSource(source, await contextWith({ mirrors: [`${server.url}/mirror`] }))).toMatchObject(
      { size: 7 },
    );
    expect(server.requests.at(-1)).toBe(`GET /mirror/${encodeURIComponent(DEBIAN_FILE)}`);
  });

  test('a missing mirror is an error before anything else', async () => {
    await expect(contextWith({ mirrors: [path.join(directory, 'none')] })).rejects.toMatchObject({
      facts: { code: 'KSB_MIRROR_INVALID', exitCode: 2 },
    });
  });
});

describe('the Debian pool', () => {
  test("the host's mirrors are tried in turn, below pool/main", async () => {
    const server = await serve(files({ [`/debian/pool/main/z/zlib/${DEBIAN_FILE}`]: 'content' }));
    await configureDebian(`${server.url}/security`, `${server.url}/debian/`);
    const source = sourceOf(archiveOf('a', 'content', debian(`z/zlib/${DEBIAN_FILE}`)));
    expect(await fetchSource(source, await contextWith())).toMatchObject({ size: 7 });
    expect(server.requests.map((request) => request.split('/')[1])).toEqual(['security', 'debian']);
  });
});

describe('the Python index', () => {
  const wheel = {
    name: 'demo-lib',
    version: '1.0',
    file: 'demo_lib-1.0-py3-none-any.whl',
    size: 7,
    sha256: hashBytes('content'),
    requires: [],
  };
  const html = (digest: string) => `<a href="../../files/${wheel.file}#sha256=${digest}">${wheel.file}</a>`;

  test('HTML pages', async () => {
    const server = await serve(
      files({ '/simple/demo-lib/': html(wheel.sha256), [`/files/${wheel.file}`]: 'content' }),
    );
    const environment = { KSBUNDLE_PYTHON_INDEX: `${server.url}/simple/` };
    expect(await fetchSource(wheelSource(wheel), await contextWith({ environment }))).toMatchObject({
      file: wheel.file,
    });
    expect(server.requests).toEqual(['GET /simple/demo-lib/', `GET /files/${wheel.file}`]);
  });

  test('JSON pages, which are requested first', async () => {
    const page = { files: [{ filename: wheel.file, url: 'deep/a.bin', hashes: { sha256: wheel.sha256 } }] };
    const accepted: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      accepted.push(request.headers.accept);
      if (request.url !== '/simple/demo-lib/') return response.end('content');
      return response
        .writeHead(200, { 'content-type': 'application/vnd.pypi.simple.v1+json' })
        .end(JSON.stringify(page));
    });
    const environment = { UV_DEFAULT_INDEX: `${server.url}/simple` };
    expect(await fetchSource(wheelSource(wheel), await contextWith({ environment }))).toMatchObject({
      from: `${server.url}/simple/demo-lib/deep/a.bin`,
    });
    expect(accepted[0]).toMatch(/^application\/vnd\.pypi\.simple\.v1\+json,.*text\/html/);
  });

  test('a page that gives the file another digest is refused without a download', async () => {
    const server = await serve(files({ '/simple/demo-lib/': html(hashBytes('other')) }));
    const environment = { PIP_INDEX_URL: `${server.url}/simple` };
    await expect(fetchSource(wheelSource(wheel), await contextWith({ environment }))).rejects.toMatchObject({
      facts: { code: 'KSB_DIGEST_MISMATCH', exitCode: 4 },
    });
    expect(server.requests).toHaveLength(1);
  });

  test('an additional index serves what the first one lacks', async () => {
    const server = await serve(
      files({
        '/one/demo-lib/': '<a href="x">x</a>',
        '/two/demo-lib/': html(wheel.sha256),
        [`/files/${wheel.file}`]: 'content',
      }),
    );
    const environment = { PIP_INDEX_URL: `${server.url}/one`, PIP_EXTRA_INDEX_URL: `${server.url}/two` };
    expect(await fetchSource(wheelSource(wheel), await contextWith({ environment }))).toMatchObject({
      size: 7,
    });
  });

  test('a directory of wheels is used, and other bytes in it are no error', async () => {
    const server = await serve(
      files({ '/simple/demo-lib/': html(wheel.sha256), [`/files/${wheel.file}`]: 'content' }),
    );
    const wrong = await makeMirror({ [wheel.file]: 'built here' });
    const environment = { PIP_INDEX_URL: `${server.url}/simple`, PIP_FIND_LINKS: wrong };
    expect(await fetchSource(wheelSource(wheel), await contextWith({ environment }))).toMatchObject({
      from: `${server.url}/files/${wheel.file}`,
    });
    await rm(store.pathOf(wheel.sha256));
    const right = await makeMirror({ [wheel.file]: 'content' });
    expect(
      await fetchSource(
        wheelSource(wheel),
        await contextWith({ environment: { ...environment, PIP_FIND_LINKS: right } }),
      ),
    ).toMatchObject({
      from: path.join(right, wheel.file),
    });
  });
});

describe('offline', () => {
  /** Runs `work` and counts the client sockets that it opens. */
  async function socketsDuring(work: () => Promise<unknown>): Promise<number> {
    let sockets = 0;
    const count = () => sockets++;
    subscribe('net.client.socket', count);
    try {
      await work().catch(() => undefined);
    } finally {
      unsubscribe('net.client.socket', count);
    }
    return sockets;
  }

  test('no socket is opened, and the error says how to get the file', async () => {
    const server = await serve(files({ '/a': 'content' }));
    await configureDebian(server.url);
    const source = sourceOf(
      archiveOf('a', 'content', https(`${server.url}/a`), debian('a/a'), python('a', 'a')),
    );
    const environment = { KSBUNDLE_PYTHON_INDEX: server.url };
    const offline = await contextWith({ offline: true, mirrors: [server.url], environment });
    await expect(fetchSource(source, offline)).rejects.toMatchObject({
      facts: {
        code: 'KSB_OFFLINE',
        exitCode: 1,
        message: expect.stringContaining('a is not in the store'),
        hint: expect.stringContaining('--mirror DIR'),
        details: expect.arrayContaining([
          `${server.url}/a: not tried offline`,
          `${server.url}/: not tried offline`,
        ]),
      },
    });
    expect(await socketsDuring(() => fetchSource(source, offline))).toBe(0);
    const online = await contextWith({ environment });
    expect(await socketsDuring(() => fetchSource(source, online)), 'the count can count').toBeGreaterThan(0);
  });

  test('mirror directories and the store are used', async () => {
    const source = sourceOf(archiveOf('a', 'content'));
    const mirrors = [await makeMirror({ a: 'content' })];
    await fetchSource(source, await contextWith({ offline: true, mirrors }));
    expect(await fetchSource(source, await contextWith({ offline: true }))).toMatchObject({ from: 'store' });
  });
});
