import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { createFetchContext, type FetchContext, type FetchOptions } from '../../../src/fetch/context.ts';
import { fetchAll } from '../../../src/fetch/all.ts';
import { writeMirror } from '../../../src/fetch/mirror.ts';
import { hashBytes } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';
import { openStore } from '../../../src/store/open.ts';
import { compile, type Compiled } from '../../support/compile.ts';
import { files, sendFile, serve } from '../../support/http-server.ts';
import { https, archiveOf, python, sourceOf } from '../../support/sources.ts';

let compiled: Compiled;
let directory: string;

beforeAll(async () => {
  compiled = await compile(['store/open.ts', 'fetch/context.ts', 'fetch/all.ts']);
});
afterAll(() => compiled.remove());
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'ksbundle-fetch-all-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function contextWith(options: Partial<FetchOptions> = {}): Promise<FetchContext> {
  const store = await openStore(path.join(directory, 'store'));
  const context = await createFetchContext({
    store,
    emit: () => undefined,
    environment: {},
    http: { retry: { retries: 0 } },
    ...options,
  });
  onTestFinished(async () => context.network?.http.close());
  return context;
}

test('several at once, each once, in the order given', async () => {
  let open = 0;
  let most = 0;
  const server = await serve((request, response) => {
    most = Math.max(most, ++open);
    setTimeout(() => {
      open--;
      response.end(request.url);
    }, 30);
  });
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'a'];
  const sources = names.map((name) => sourceOf(archiveOf(name, `/${name}`, https(`${server.url}/${name}`))));
  const fetched = await fetchAll(sources, await contextWith());
  expect(fetched.map(({ file }) => file)).toEqual(names);
  expect(server.requests).toHaveLength(6);
  expect(most).toBe(4);
});

test('all files that cannot be fetched are reported at once, and the rest is fetched', async () => {
  const server = await serve(files({ '/good': 'good' }));
  const sources = ['z', 'good', 'a'].map((name) =>
    sourceOf(archiveOf(name, name, https(`${server.url}/${name}`))),
  );
  const context = await contextWith();
  await expect(fetchAll(sources, context)).rejects.toMatchObject({
    facts: {
      code: 'KSB_FETCH_FAILED',
      message: '2 files could not be fetched',
      problems: [
        {
          message: 'cannot fetch a; for the same reason z',
          details: ['a', 'z'].map((name) => `${server.url}/${name}: not found (status 404)`),
        },
      ],
      hint: expect.stringContaining('upstream may have moved'),
    },
  });
  expect(await context.store.findVerified(hashBytes('good'))).toBeDefined();
});

test('one cause that stops many files is reported once, each cause with its own remedy', async () => {
  const server = await serve(files({}));
  const closed = await serve(files({}));
  await closed.close();
  const names = Array.from({ length: 40 }, (_, index) => `${index}.whl`);
  const sources = [
    ...names.map((name) => sourceOf(archiveOf(name, name, https(`${closed.url}/${name}`)))),
    sourceOf(archiveOf('gone', 'gone', https(`${server.url}/gone`))),
  ];
  await expect(fetchAll(sources, await contextWith())).rejects.toMatchObject({
    facts: {
      message: '41 files could not be fetched',
      problems: [
        {
          message: 'cannot fetch 0.whl; for the same reason 1.whl, 10.whl, 37 more',
          details: [expect.stringContaining('refused the connection')],
          hint: expect.stringContaining('HTTPS_PROXY'),
        },
        { message: 'cannot fetch gone', hint: expect.stringContaining('moved') },
      ],
    },
  });
});

test('a missing Python index is reported before the first byte, with a hint', async () => {
  const server = await serve(files({ '/a': 'a' }));
  const sources = [
    sourceOf(archiveOf('a', 'a', https(`${server.url}/a`))),
    ...['b', 'c'].map((name) => sourceOf(archiveOf(`${name}.whl`, name, python(name, `${name}.whl`)))),
  ];
  // A minimal host: neither pip nor uv, nor their settings.
  const bare = { environment: { PATH: '/nonexistent', HOME: directory }, hostRoot: directory };
  await expect(fetchAll(sources, await contextWith(bare))).rejects.toMatchObject({
    facts: {
      code: 'KSB_NO_PYTHON_INDEX',
      exitCode: 3,
      message: '2 files come from a Python index, and none is configured on this machine',
      hint: expect.stringMatching(/python3-pip.*KSBUNDLE_PYTHON_INDEX/u),
    },
  });
  expect(server.requests).toEqual([]);

  const mirror = path.join(directory, 'mirror');
  await mkdir(mirror);
  for (const name of ['b', 'c']) await writeFile(path.join(mirror, `${name}.whl`), name);
  expect(await fetchAll(sources, await contextWith({ ...bare, mirrors: [mirror] }))).toHaveLength(3);
  // Files in the store need no index either.
  expect(await fetchAll(sources, await contextWith(bare))).toHaveLength(3);
});

test('wrong bytes stop everything at once', async () => {
  const server = await serve((request, response) => {
    if (request.url === '/bad') response.end('wrong');
  });
  const sources = ['slow', 'bad'].map((name) =>
    sourceOf(archiveOf(name, name, https(`${server.url}/${name}`))),
  );
  await expect(fetchAll(sources, await contextWith())).rejects.toMatchObject({
    facts: { code: 'KSB_DIGEST_MISMATCH' },
  });
});

test('an interruption stops everything with its reason', async () => {
  const server = await serve(() => undefined);
  const controller = new AbortController();
  const reason = new Error('Ctrl-C');
  const sources = ['a', 'b'].map((name) => sourceOf(archiveOf(name, name, https(`${server.url}/${name}`))));
  const context = await contextWith({
    signal: controller.signal,
    emit: (event) => event.type === 'task-started' && setTimeout(() => controller.abort(reason), 50),
  });
  await expect(fetchAll(sources, context)).rejects.toBe(reason);
});

/** Command of a process that fetches one file into the store at `root`. */
function fetchProcess(root: string, source: unknown): string[] {
  const script = `
    import { openStore } from ${JSON.stringify(compiled.urlOf('store/open.ts'))};
    import { createFetchContext } from ${JSON.stringify(compiled.urlOf('fetch/context.ts'))};
    import { fetchAll } from ${JSON.stringify(compiled.urlOf('fetch/all.ts'))};
    import { readdirSync } from 'node:fs';
    const store = await openStore(${JSON.stringify(root)});
    const emit = (event) => event.type === 'task-progress' && process.env.DIE === '1' && process.kill(process.pid, 'SIGKILL');
    const context = await createFetchContext({ store, emit, environment: {}, http: { retry: { retries: 0 } } });
    const result = await fetchAll([${JSON.stringify(source)}], context).catch((error) => error);
    console.log(JSON.stringify({ code: result.facts?.code, file: result[0]?.file, left: readdirSync(store.temporary) }));
    await context.network.http.close();`;
  return [process.execPath, '--input-type=module', '-e', script];
}

test('after SIGKILL the next run resumes the download', async () => {
  const content = Buffer.alloc(400_000, 'content');
  const ranges: (string | undefined)[] = [];
  const server = await serve((request, response) => {
    ranges.push(request.headers.range);
    sendFile(request, response, {
      content,
      etag: '"1"',
      ...(ranges.length === 1 ? { stallAfter: 200_000 } : {}),
    });
  });
  const argv = fetchProcess(
    path.join(directory, 'store'),
    sourceOf(archiveOf('a', content, https(`${server.url}/a`))),
  );
  expect(await run(argv, { environment: { DIE: '1' } })).toMatchObject({ signal: 'SIGKILL' });
  const { stdout } = await run(argv, { environment: {} });
  expect(JSON.parse(stdout)).toEqual({ file: 'a', left: [] });
  expect(ranges).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
}, 30_000);

test('a full disk while fetching is reported as such, and nothing half-written stays', async ({ skip }) => {
  if ((await run(['unshare', '-rm', 'true'])).exitCode !== 0) skip('needs user and mount namespaces');
  const content = Buffer.alloc(3_000_000, 'content');
  const server = await serve((request, response) => sendFile(request, response, { content, etag: '"1"' }));
  const root = path.join(directory, 'full');
  await mkdir(root);
  const source = sourceOf(archiveOf('a', content, https(`${server.url}/a`)));
  const mounted = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"';
  const { stdout } = await run(['unshare', '-rm', 'sh', '-c', mounted, root, ...fetchProcess(root, source)]);
  expect(JSON.parse(stdout)).toEqual({ code: 'KSB_DISK_FULL', left: [] });
}, 30_000);

test('a mirror contains everything that another machine needs, also names that collide', async () => {
  const server = await serve(files({ '/one/v1.tar.gz': 'one', '/two/v1.tar.gz': 'two', '/b+1.zip': 'b' }));
  const sources = [
    sourceOf(archiveOf('v1.tar.gz', 'one', https(`${server.url}/one/v1.tar.gz`))),
    sourceOf(archiveOf('v1.tar.gz', 'two', https(`${server.url}/two/v1.tar.gz`))),
    sourceOf(archiveOf('b+1.zip', 'b', https(`${server.url}/b+1.zip`))),
  ];
  const mirror = path.join(directory, 'mirror');
  await mkdir(mirror);
  await writeFile(path.join(mirror, 'README'), 'kept');
  const written = await writeMirror(mirror, sources, await contextWith());
  expect(written.map(({ written: now }) => now)).toEqual([true, true, true]);
  const checked = await run(['sha256sum', '--check', '--strict', 'SHA256SUMS'], { directory: mirror });
  expect(checked).toMatchObject({ exitCode: 0 });
  expect((await readdir(mirror)).sort()).toEqual(
    ['README', 'SHA256SUMS', ...written.map(({ name }) => name)].sort(),
  );

  const store = await openStore(path.join(directory, 'elsewhere'));
  const offline = await contextWith({ store, mirrors: [mirror], offline: true });
  const fetched = await fetchAll(sources, offline);
  expect(await Promise.all(fetched.map(({ path: file }) => readFile(file, 'utf8')))).toEqual([
    'one',
    'two',
    'b',
  ]);

  const again = await writeMirror(mirror, sources, offline);
  expect(again).toEqual(written.map((file) => ({ ...file, written: false })));
});
