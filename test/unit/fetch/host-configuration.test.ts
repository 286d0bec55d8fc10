import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readDebianMirrors } from '../../../src/fetch/debian.ts';
import { readPythonIndexes } from '../../../src/fetch/python-indexes.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'ksbundle-host-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(name: string, content: string): Promise<string> {
  const file = path.join(root, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

describe('Debian mirrors', () => {
  test('none on a host without apt', async () => {
    expect(await readDebianMirrors(root)).toEqual([]);
  });

  test('both forms are read, in the order of the files', async () => {
    await write(
      'etc/apt/sources.list',
      `# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/x y] http://one.example/debian/ bookworm main contrib # main
deb-src http://one.example/debian bookworm main
deb http://nonfree.example/debian bookworm contrib
deb cdrom:[Debian]/ bookworm main
deb file:/srv/debian bookworm main
deb http://flat.example/ ./
`,
    );
    await write(
      'etc/apt/sources.list.d/b.sources',
      `# a comment
Types: deb
URIs: https://two.example/debian
  https://three.example/debian
# in between
Suites: bookworm
Components: contrib
 main

Enabled: no
Types: deb
URIs: https://off.example/debian
Suites: bookworm
Components: main
`,
    );
    await write('etc/apt/sources.list.d/a.list', 'deb http://zero.example/debian bookworm main\n');
    await write(
      'etc/apt/sources.list.d/c.list.disabled',
      'deb http://disabled.example/debian bookworm main\n',
    );
    expect(await readDebianMirrors(root)).toEqual([
      'http://one.example/debian',
      'http://zero.example/debian',
      'https://two.example/debian',
      'https://three.example/debian',
    ]);
  });
});

describe('Python indexes', () => {
  /** An environment in which no tool of the host is found. */
  const bare = () => ({ HOME: path.join(root, 'home'), PATH: path.join(root, 'bin') });
  const read = (environment: Record<string, string> = {}) =>
    readPythonIndexes({ ...bare(), ...environment }, root);

  async function tool(name: string, script: string): Promise<void> {
    await chmod(await write(`bin/${name}`, `#!/bin/sh\n${script}\n`), 0o755);
  }

  test('nothing configured and no tool: no index', async () => {
    expect(await read()).toEqual({ indexes: [], findLinks: [] });
  });

  test("the default is pip's, else uv's", async () => {
    await tool('uv', `echo '--default-index <URL> The index (by default: <https://uv.example/simple>)'`);
    expect((await read()).indexes).toEqual(['https://uv.example/simple']);
    await tool('python3', 'echo https://pip.example/simple');
    expect((await read()).indexes).toEqual(['https://pip.example/simple']);
  });

  test('KSBUNDLE_PYTHON_INDEX replaces all others', async () => {
    expect(
      await read({
        KSBUNDLE_PYTHON_INDEX: 'https://own.example/simple/',
        PIP_INDEX_URL: 'https://pip.example',
        PIP_FIND_LINKS: '/x',
      }),
    ).toEqual({ indexes: ['https://own.example/simple'], findLinks: [] });
  });

  test('variables win over files, uv over pip, and all additional indexes count', async () => {
    await write(
      'etc/pip.conf',
      '[global]\nindex-url = https://pip-file.example/simple\nextra-index-url =\n  https://e1.example\n  https://e2.example\nfind-links = /a\n  /b\n',
    );
    expect((await read()).indexes[0]).toBe('https://pip-file.example/simple');
    await write(
      'home/.config/uv/uv.toml',
      'index-url = "https://uv-file.example/simple"\nfind-links = ["/c"]\n',
    );
    expect((await read()).indexes[0]).toBe('https://uv-file.example/simple');
    expect((await read({ PIP_INDEX_URL: 'https://pip.example/simple' })).indexes[0]).toBe(
      'https://pip.example/simple',
    );
    expect(
      await read({
        UV_INDEX_URL: 'https://uv.example/simple',
        PIP_INDEX_URL: 'https://pip.example/simple',
        UV_INDEX: 'corp=https://corp.example/simple',
      }),
    ).toEqual({
      indexes: [
        'https://uv.example/simple',
        'https://corp.example/simple',
        'https://e1.example',
        'https://e2.example',
      ],
      findLinks: ['/c', '/a', '/b'],
    });
  });

  test("uv's table of indexes", async () => {
    const file = await write(
      'uv.toml',
      `[[index]]
name = "corp"
url = "https://corp.example/simple"
[[index]]
url = "https://explicit.example/simple"
explicit = true
[[index]]
url = "https://default.example/simple"
default = true
`,
    );
    expect((await read({ UV_CONFIG_FILE: file })).indexes).toEqual([
      'https://default.example/simple',
      'https://corp.example/simple',
    ]);
  });

  test('an option of a command wins over the global one, and comments are not values', async () => {
    const file = await write(
      'pip.conf',
      '[global]\n# index-url = https://no.example\nindex_url: https://global.example\n[install]\nindex-url=https://install.example\n',
    );
    expect((await read({ PIP_CONFIG_FILE: file })).indexes).toEqual(['https://install.example']);
  });

  test('no-index leaves only the directories', async () => {
    expect(
      await read({ PIP_NO_INDEX: '1', PIP_INDEX_URL: 'https://a.example', PIP_FIND_LINKS: '/wheels' }),
    ).toEqual({
      indexes: [],
      findLinks: ['/wheels'],
    });
  });

  test('a damaged file is ignored', async () => {
    await write('home/.config/uv/uv.toml', 'index-url = ');
    expect((await read({ PIP_INDEX_URL: 'https://a.example/simple' })).indexes).toEqual([
      'https://a.example/simple',
    ]);
  });
});
