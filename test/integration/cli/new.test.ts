import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { hashBytes, listTree } from '../../../src/io/files.ts';
import { packageRoot } from '../../../src/io/package-info.ts';
import { makeTar, temporaryDirectory } from '../../support/archives.ts';
import { ksbundle, type Ran } from './command.ts';

let project: string;
let cache: string;

beforeEach(async () => {
  const top = await temporaryDirectory();
  [project, cache] = [path.join(top, 'project'), path.join(top, 'cache')];
  await mkdir(project);
});

async function run(command: string, environment: Record<string, string> = {}): Promise<Ran> {
  const settings = { KSBUNDLE_CACHE: cache, KSBUNDLE_OFFLINE: 'true', ...environment };
  return ksbundle(command.split(' '), { directory: project, environment: settings });
}

async function runs(command: string, environment?: Record<string, string>): Promise<string> {
  const { exitCode, stdout, stderr } = await run(command, environment);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return stdout;
}

async function files(): Promise<string[]> {
  return (await listTree(project)).filter(({ kind }) => kind === 'file').map((entry) => entry.path);
}

/** Rows of `ksbundle recipes`. */
async function recipes(): Promise<Record<string, string>[]> {
  return (JSON.parse(await runs('recipes --json')) as { recipes: Record<string, string>[] }).recipes;
}

describe('new bundle', () => {
  it('makes a project in an empty directory, whose bundle is locked and can be built, without a network', async () => {
    const written = await runs('new bundle my-shop');
    const made = await files();
    expect(made).toEqual([
      'init/services/my-shop/service.toml',
      'init/services/my-shop/site-packages/my_shop_app.py',
      'init/services/my-shop/templates/my-shop.ini',
      'ksbundle.toml',
      'lockfiles/my-shop.x86_64-linux-gnu.2.17.json',
      'recipes/my-shop/bundle.toml',
    ]);
    for (const file of made) expect(written).toContain(`wrote  ${file}\n`);
    for (const file of made) expect(await readFile(path.join(project, file), 'utf8')).not.toMatch(/\bhello/);
    await runs('lock --check');
    expect(await runs('build --dry-run')).toContain('pack my-shop-1.0.0-1-linux-x86_64.tar.gz');
    expect(await recipes()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'bundle', name: 'my-shop', layer: 'project' }),
        expect.objectContaining({ kind: 'service', name: 'my-shop', layer: 'project' }),
        expect.objectContaining({ kind: 'component', name: 'cpython', layer: 'base' }),
      ]),
    );
  });

  it('uses an existing service of that name, also from a directory below the project', async () => {
    await runs('new service shop');
    const service = path.join(project, 'init/services/shop/service.toml');
    const own = `${await readFile(service, 'utf8')}# mine\n`;
    await writeFile(service, own);
    project = path.join(project, 'init');
    await runs('new bundle shop');
    project = path.dirname(project);
    expect(await readFile(service, 'utf8')).toBe(own);
    await runs('lock shop --check');
  });
});

describe('new component', () => {
  it('writes a recipe that bundles can name', async () => {
    await runs('new bundle hello');
    await runs('new component greeter');
    const bundle = path.join(project, 'recipes/hello/bundle.toml');
    const text = await readFile(bundle, 'utf8');
    await writeFile(bundle, text.replace('components = [', 'components = ["greeter", '));
    await runs('lock hello');
    expect(await runs('build hello --dry-run')).toContain('build greeter 1.0.0\n');
  });

  it('with --url pins an archive, and derives the recipe from its contents', async () => {
    const mirror = path.join(path.dirname(project), 'mirror');
    await mkdir(mirror);
    const license = await readFile(path.join(packageRoot(), 'LICENSE'), 'utf8');
    const archive = gzipSync(
      makeTar([
        { path: 'thing-2.1/configure', content: '#!/bin/sh\n', mode: 0o755 },
        { path: 'thing-2.1/COPYING', content: license },
      ]),
    );
    await writeFile(path.join(mirror, 'thing_2.1+dfsg.orig.tar.gz'), archive);
    await runs('new component thing --url debian:t/thing/thing_2.1+dfsg.orig.tar.gz', {
      KSBUNDLE_MIRROR: mirror,
    });
    const recipe = await readFile(path.join(project, 'recipes/thing/recipe.toml'), 'utf8');
    expect(recipe).toContain(`sha256 = "${hashBytes(archive)}"`);
    for (const line of [
      'version = "2.1"',
      'license = "Apache-2.0"',
      'licenses = ["COPYING"]',
      'run = ["./configure"',
    ])
      expect(recipe).toContain(`\n${line}`);
    expect(await recipes()).toContainEqual(
      expect.objectContaining({ kind: 'component', name: 'thing', version: '2.1', layer: 'project' }),
    );
  });
});

describe('new', () => {
  it.each([
    ['new bundle Hello', 'KSB_NEW_NAME', 'did you mean "hello"?'],
    ['new bundle ../hello', 'KSB_NEW_NAME', 'did you mean "hello"?'],
    ['new bundle keystone', 'KSB_NEW_EXISTS', 'ksbundle has a bundle "keystone" already'],
    ['new bundle zlib', 'KSB_NEW_EXISTS', 'ksbundle has a component "zlib" already'],
    ['new component zlib', 'KSB_NEW_EXISTS', 'to replace it in this project, copy'],
    ['new service memcached', 'KSB_NEW_EXISTS', 'ksbundle has a service "memcached" already'],
    ['new component x --url http://example.org/x.tar.gz', 'KSB_NEW_URL', 'debian:'],
    ['new component x --url debian:x/x/x_1.orig.tar.gz', 'KSB_OFFLINE', 'x_1.orig.tar.gz'],
  ])('%s: %s, and writes nothing', async (command, code, text) => {
    const { exitCode, stdout, stderr } = await run(command);
    expect([exitCode, stdout]).toEqual([code === 'KSB_OFFLINE' ? 1 : 2, '']);
    expect(stderr).toContain(`[${code}]`);
    expect(stderr).toContain(text);
    expect(await files()).toEqual([]);
  });

  it('overwrites nothing, and starts no project among other files', async () => {
    await writeFile(path.join(project, 'notes'), '');
    expect((await run('new bundle hello')).stderr).toContain('KSB_NEW_NO_PROJECT');
    await writeFile(path.join(project, 'ksbundle.toml'), '');
    await runs('new bundle hello');
    const before = await files();
    for (const kind of ['bundle', 'component', 'service']) {
      const { exitCode, stderr } = await run(`new ${kind} hello`);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('[KSB_NEW_EXISTS]')]);
    }
    expect(await files()).toEqual(before);
  });
});
