import { readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { assembleRelease, type AssembleOptions } from '../../../src/assemble/assemble.ts';
import type { Event } from '../../../src/domain/events.ts';
import type { Bundle } from '../../../src/domain/recipe.ts';
import type { Service } from '../../../src/domain/service.ts';
import { listTree } from '../../../src/io/files.ts';
import { temporaryDirectory, writeTree } from '../../support/archives.ts';
import { makeArtifact, makeBundle, makeComponent, makeService } from '../../support/releases.ts';
import { makeWheel } from '../../support/wheels.ts';

const SITE = 'lib/python3.13/site-packages';

/** A bundle of an interpreter, a library and two wheels; `changes` are made to the options. */
async function options(changes: Partial<AssembleOptions> = {}): Promise<AssembleOptions> {
  const directory = await temporaryDirectory();
  const cpython = makeComponent('cpython', { version: '3.13.15', drop: ['lib/python3.13/idlelib/**'] });
  const libraries = makeComponent('libraries', { ship: ['lib/*.so*'] });
  const linked = makeComponent('linked', { ship: [] });
  const init = await writeTree(path.join(directory, 'init'), {
    'bootstrap.sh': { program: '#!/bin/sh\n' },
    'installer/__init__.py': '',
    'installer/__pycache__/__init__.cpython-313.pyc': '',
    'services/demo/templates/app.conf': 'template',
    'services/demo/site-packages/demo_hooks/__init__.py': 'hooks',
    'services/other/hooks.py': '',
    'services/more/hooks.py': '',
  });
  const services = ['demo', 'more'].map((name) => makeService(name, path.join(init, 'services', name)));
  return {
    bundle: makeBundle({
      services,
      drop: ['etc/**'],
      python: { launchers: [{ name: 'tool', entryPoint: 'app.cli:main' }] },
    }),
    components: [
      {
        component: cpython,
        artifact: await makeArtifact(directory, cpython, {
          'bin/python3.13': { program: 'ELF' },
          'bin/python3': { link: 'python3.13' },
          'include/python3.13/Python.h': 'header',
          'lib/python3.13/os.py': 'os',
          'lib/python3.13/idlelib/idle.py': 'idle',
          'lib/python3.13/unittest/case.py': 'stays',
          'licenses/cpython/LICENSE': 'PSF',
        }),
      },
      {
        component: libraries,
        artifact: await makeArtifact(directory, libraries, {
          'lib/liba.so.1': 'library',
          'lib/liba.a': 'static',
          'bin/a-config': { program: '#!/bin/sh\n' },
          'licenses/libraries/LICENSE': 'MIT',
        }),
      },
      {
        component: linked,
        artifact: await makeArtifact(directory, linked, {
          'lib/b.a': 'static',
          'licenses/linked/COPYING': 'Zlib',
        }),
      },
    ],
    wheels: [
      await makeWheel(directory, {
        name: 'app',
        files: {
          'app/cli.py': 'def main(): pass\n',
          'app/tests/test_cli.py': 'test',
          'app/tests.py': 'a module',
          'app/speed.c': 'source',
          'shared/__init__.py': '',
          '{data}/data/etc/app.conf': 'conf',
          '{info}/entry_points.txt': '[console_scripts]\ntool = app.cli:main\nother = app.cli:other\n',
        },
      }),
      await makeWheel(directory, { name: 'more', files: { 'shared/__init__.py': '', 'shared/more.py': '' } }),
    ],
    init,
    placeOf: ({ file }, keys) => Promise.resolve({ file: [file, ...keys].join(' ') }),
    emit: () => {},
    directory: path.join(directory, 'release'),
    ...changes,
  };
}

describe('assembleRelease', () => {
  it('contains only files that ship', async () => {
    const chosen = await options();
    const { parts, wheels, site } = await assembleRelease(chosen);
    expect(site).toBe(SITE);
    const entries = await listTree(chosen.directory);
    expect(entries.filter(({ kind }) => kind !== 'directory').map((entry) => entry.path)).toEqual([
      'README',
      'bin/python3',
      'bin/python3.13',
      'bin/tool',
      'init/bootstrap.sh',
      'init/bundle.json',
      'init/installer/__init__.py',
      'init/services/demo/templates/app.conf',
      'init/services/more/hooks.py',
      'lib/liba.so.1',
      'lib/python3.13/os.py',
      `${SITE}/app-1.0.dist-info/INSTALLER`,
      `${SITE}/app-1.0.dist-info/METADATA`,
      `${SITE}/app-1.0.dist-info/RECORD`,
      `${SITE}/app-1.0.dist-info/WHEEL`,
      `${SITE}/app-1.0.dist-info/entry_points.txt`,
      `${SITE}/app/cli.py`,
      `${SITE}/app/tests.py`,
      `${SITE}/demo_hooks/__init__.py`,
      `${SITE}/more-1.0.dist-info/INSTALLER`,
      `${SITE}/more-1.0.dist-info/METADATA`,
      `${SITE}/more-1.0.dist-info/RECORD`,
      `${SITE}/more-1.0.dist-info/WHEEL`,
      `${SITE}/shared/__init__.py`,
      `${SITE}/shared/more.py`,
      'lib/python3.13/unittest/case.py',
      'licenses/cpython/LICENSE',
      'licenses/libraries/LICENSE',
      'licenses/linked/COPYING',
      'licenses/python/app/STATEMENT',
      'licenses/python/more/STATEMENT',
    ]);
    expect([...parts.keys()].sort()).toEqual(
      entries
        .filter(({ kind }) => kind !== 'directory')
        .map((entry) => entry.path)
        .sort(),
    );
    expect(parts.get('lib/liba.so.1')).toBe('component:libraries');
    expect(parts.get(`${SITE}/app/cli.py`)).toBe('wheel:app');
    expect(parts.get('bin/tool')).toBe('bundle');
    expect(wheels.map(({ name }) => name)).toEqual(['app', 'more']);
    expect(await readlink(path.join(chosen.directory, 'bin/python3'))).toBe('python3.13');
    const facts: unknown = JSON.parse(
      await readFile(path.join(chosen.directory, 'init/bundle.json'), 'utf8'),
    );
    const identity = { name: 'demo', version: '1.0', revision: 1, upgradeFrom: '1.0' };
    const { services } = chosen.bundle;
    expect(facts).toEqual({
      ...identity,
      services: services.map(({ service }) => service),
      answers: [],
    });
  });

  it('contains what a service uses to generate files, listed as passing and in no RECORD', async () => {
    const chosen = await options();
    const uses = ['**/app/tests/**', 'etc/*'];
    const generation = { module: 'demo_hooks', distribution: 'app', uses };
    const services = chosen.bundle.services.map((each) => ({ ...each, generations: [generation] }));
    const { passing } = await assembleRelease({ ...chosen, bundle: { ...chosen.bundle, services } });
    expect([...passing].sort()).toEqual(['etc/app.conf', `${SITE}/app/tests/test_cli.py`]);
    expect(await readFile(path.join(chosen.directory, 'etc/app.conf'), 'utf8')).toBe('conf');
    const record = await readFile(path.join(chosen.directory, `${SITE}/app-1.0.dist-info/RECORD`), 'utf8');
    expect(record).toContain('app/cli.py,');
    expect(record).not.toContain('app.conf');
  });

  it('refuses an artifact without licence, and one that ships a clash, naming both owners', async () => {
    const directory = await temporaryDirectory();
    const bare = makeComponent('bare');
    const chosen = await options();
    const withBare = { component: bare, artifact: await makeArtifact(directory, bare, { 'lib/x': 'x' }) };
    await expect(
      assembleRelease({ ...chosen, components: [...chosen.components, withBare] }),
    ).rejects.toMatchObject({ facts: { code: 'KSB_LICENSE_MISSING' } });

    const again = await options();
    const rival = await makeWheel(directory, { name: 'rival', files: { 'app/cli.py': 'something else\n' } });
    await expect(assembleRelease({ ...again, wheels: [...again.wheels, rival] })).rejects.toMatchObject({
      facts: {
        code: 'KSB_ASSEMBLE_CLASH',
        problems: [{ message: expect.stringMatching(/app\/cli\.py: wheel:app and wheel:rival/) }],
      },
    });
  });

  it('reports an unknown licence, unless the recipe states it', async () => {
    const odd = (directory: string) =>
      makeWheel(directory, {
        name: 'odd',
        files: { '{info}/METADATA': 'Name: odd\nVersion: 1.0\nLicense: Dual License\n' },
      });
    const assemble = async (licenses: Bundle['python']['licenses']) => {
      const warnings: Event[] = [];
      const chosen = await options({ emit: (event) => warnings.push(event) });
      const bundle = { ...chosen.bundle, python: { ...chosen.bundle.python, licenses } };
      const wheels = [...chosen.wheels, await odd(await temporaryDirectory())];
      const assembled = await assembleRelease({ ...chosen, bundle, wheels });
      return { warnings, license: assembled.wheels.find(({ name }) => name === 'odd')?.license };
    };
    expect(await assemble([])).toEqual({
      license: 'LicenseRef-odd',
      warnings: [
        {
          type: 'warning',
          message: expect.stringContaining(
            'odd 1.0 is listed as LicenseRef-odd: its metadata says "Dual License"',
          ),
          hint: expect.stringContaining('[[python.license]] table for odd'),
        },
      ],
    });
    expect(await assemble([{ distribution: 'odd', license: 'MIT OR ISC', reason: 'Its page' }])).toEqual({
      license: 'MIT OR ISC',
      warnings: [],
    });
  });

  it('refuses a launcher with an unknown entry point, and names the nearest', async () => {
    const chosen = await options();
    const launchers = [{ name: 'tool', entryPoint: 'app.cli:mian' }];
    const bundle = { ...chosen.bundle, python: { ...chosen.bundle.python, launchers } };
    await expect(assembleRelease({ ...chosen, bundle })).rejects.toMatchObject({
      facts: { code: 'KSB_ENTRY_POINT_UNKNOWN', problems: [{ hint: 'did you mean app.cli:main?' }] },
    });
  });
});

it('names every program and module that a service needs and that does not ship, with its place', async () => {
  const chosen = await options();
  const [demo] = chosen.bundle.services;
  if (demo === undefined) throw new TypeError('no service');
  const facts = { environment: {}, logs: [] };
  const wsgi = { ...facts, bodyLimit: 1, errors: 'html', processMemory: 1 } as const;
  const service: Service = {
    ...demo.service,
    daemons: [
      { ...facts, name: 'demo', run: ['bin/tool', 'x'], check: ['sbin/python3', 'x'], files: [] },
      { ...facts, name: 'other', run: ['bin/tol'], files: [] },
    ],
    data: { sqlite: [], directories: [], bulky: [], prepare: ['bin/migrate'], upgrade: ['bin/python3'] },
    wsgi: { ...wsgi, application: 'app.cli:main', preload: 'app.clli' },
  };
  const generations = [{ module: 'app.collect', distribution: 'app', uses: [] }];
  const bundle = { ...chosen.bundle, services: [{ ...demo, service, generations }] };
  await expect(assembleRelease({ ...chosen, bundle })).rejects.toMatchObject({
    facts: {
      code: 'KSB_RECIPE_INVALID',
      exitCode: 2,
      problems: [
        ['daemon 0 check 0', 'sbin/python3', 'did you mean bin/python3?'],
        ['daemon 1 run 0', 'bin/tol', 'did you mean bin/tool?'],
        ['data prepare 0', 'bin/migrate', 'component'],
        ['wsgi', 'bin/httpd', 'component'],
        ['wsgi', 'modules/mod_wsgi.so', 'component'],
        ['wsgi', 'bin/uwsgi', 'component'],
        ['wsgi preload', 'app/clli.py', `did you mean ${SITE}/app/cli.py?`],
        ['generate 0 module', 'app/collect.py', 'did you mean'],
      ].map(([keys, file, hint]) => ({
        code: 'does-not-ship',
        message: expect.stringContaining(`${file}, and`),
        place: { file: expect.stringMatching(new RegExp(` ${keys}$`)) },
        hint: expect.stringContaining(hint ?? ''),
      })),
    },
  });
});

it('names every glob that ships nothing, with its place', async () => {
  const { components, ...rest } = await options();
  const idle = components.map((built) =>
    built.component.name === 'libraries'
      ? { ...built, component: { ...built.component, ship: ['lib/*.so*', 'lib/liba.so.2', 'lbi/**'] } }
      : built,
  );
  await expect(assembleRelease({ ...rest, components: idle })).rejects.toMatchObject({
    facts: {
      code: 'KSB_RECIPE_INVALID',
      exitCode: 2,
      problems: [1, 2].map((index) => ({
        code: 'ships-nothing',
        place: { file: expect.stringContaining(`install ship ${index}`) },
      })),
    },
  });
});
