import { chmod, cp, lstat, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { expect, it } from 'vitest';
import { assembleRelease } from '../../../src/assemble/assemble.ts';
import { formatFacts } from '../../../src/assemble/installer.ts';
import { listTree } from '../../../src/io/files.ts';
import { packRelease } from '../../../src/pack/pack-release.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { temporaryDirectory, writeTree } from '../../support/archives.ts';
import { FACTS } from '../../support/packed-release.ts';
import { projectAt } from '../../support/projects.ts';
import { makeArtifact, makeBundle, makeComponent, makeService } from '../../support/releases.ts';
import { makeWheel } from '../../support/wheels.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

/** The installer's tests start from this release: `test/unit/init/support.py`. */
const GOLDEN = path.join(ROOT, 'test/fixtures/golden');

/** Each key of a declared answer is used. */
const ANSWERS = [
  { name: 'host', type: 'host', default: '127.0.0.1', help: 'Address', repeatable: false, secret: false },
  {
    name: 'port',
    type: 'host-port',
    default: '8080',
    help: 'Port to listen on',
    metavar: '[ADDRESS:]PORT',
    repeatable: true,
    secret: false,
  },
  {
    name: 'title',
    type: 'string',
    help: 'Title of the page',
    rule: '[^<>]{1,40}',
    ruleHelp: 'up to 40 characters but < and >',
    repeatable: false,
    secret: false,
  },
  {
    name: 'processes',
    type: 'integer',
    help: 'Processes that serve requests',
    minimum: 1,
    maximum: 64,
    repeatable: false,
    secret: false,
  },
  {
    name: 'colour',
    type: 'choice',
    default: 'red',
    help: 'Colour',
    choices: ['red', 'green'],
    repeatable: false,
    secret: false,
  },
  { name: 'token', type: 'string', help: 'Token', repeatable: false, secret: true },
] as const;

/**
 * Assembles and packs a small release that contains everything that the installer reads from a release. Returns its
 * directory.
 */
async function packGolden(): Promise<string> {
  const directory = await temporaryDirectory();
  const cpython = makeComponent('cpython', { version: '3.13.15', ship: ['bin/**'] });
  const init = await writeTree(path.join(directory, 'init'), {
    'bootstrap.sh': { program: '#!/bin/sh\n' },
    'installer/__main__.py': 'print("the installer")\n',
    'services/demo/__init__.py': '"""Serves nothing."""\n',
  });
  const { parts } = await assembleRelease({
    bundle: makeBundle({
      services: [makeService('demo', path.join(init, 'services/demo'))],
      answers: ANSWERS,
      upgradeFrom: '0.9',
      support: { end: '2199-12-31' },
      python: { launchers: [{ name: 'tool', entryPoint: 'app:main' }] },
    }),
    components: [
      {
        component: cpython,
        artifact: await makeArtifact(directory, cpython, {
          'bin/python3': { program: '\u007fELF stands here\n' },
          'bin/python': { link: 'python3' },
          'licenses/cpython/LICENSE': 'Python-2.0.1\n',
        }),
      },
    ],
    wheels: [
      await makeWheel(directory, {
        name: 'app',
        version: '2',
        files: {
          'app.py': 'def main(): pass\n',
          'a b é.txt': 'text\n',
          '{info}/entry_points.txt': '[console_scripts]\ntool = app:main\n',
        },
      }),
    ],
    init,
    placeOf: ({ file }) => Promise.resolve({ file }),
    emit: () => {},
    directory: path.join(directory, 'release'),
  });
  const release = path.join(directory, 'release');
  const build = { bundle: 'demo', platform: FACTS.platform, materials: [], tools: {} };
  await packRelease({ directory: release, name: 'golden', out: directory, facts: FACTS, parts, build });
  return release;
}

/** The contents of a release by path: the target of a link; otherwise the text, and whether it is executable. */
async function contentOf(directory: string): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const { path: name, kind } of await listTree(directory)) {
    const file = path.join(directory, name);
    if (kind === 'symlink') content[name] = `-> ${await readlink(file)}`;
    if (kind !== 'file') continue;
    const isProgram = ((await lstat(file)).mode & 0o100) !== 0;
    content[name] = `${isProgram ? 'program' : 'file'}\n${await readFile(file, 'utf8')}`;
  }
  return content;
}

/* The facts about bundles that the installer gets, for its tests. */
it.each(['keystone', 'glance', 'openstack'])(
  'the bundle.json of %s is in a fixture; npm run golden renews it',
  async (name) => {
    const fixture = path.join(ROOT, `test/fixtures/bundles/${name}.json`);
    const { bundles } = await loadRecipes(projectAt(ROOT), {
      arch: 'x86_64',
      floor: { major: 2, minor: 17 },
    });
    const bundle = bundles.get(name);
    if (bundle === undefined) throw new TypeError(`no bundle ${name}`);
    if (process.env['KSBUNDLE_TEST_GOLDEN'] === 'renew') await writeFile(fixture, formatFacts(bundle));
    expect(await readFile(fixture, 'utf8')).toBe(formatFacts(bundle));
  },
);

it('the golden release is what is assembled and packed today; npm run golden renews it', async () => {
  const release = await packGolden();
  if (process.env['KSBUNDLE_TEST_GOLDEN'] === 'renew') {
    await rm(GOLDEN, { recursive: true, force: true });
    await cp(release, GOLDEN, { recursive: true, verbatimSymlinks: true });
    await chmod(GOLDEN, 0o755);
  }
  expect(await contentOf(GOLDEN)).toEqual(await contentOf(release));
});
