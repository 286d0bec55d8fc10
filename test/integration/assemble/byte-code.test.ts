import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileByteCode } from '../../../src/assemble/byte-code.ts';
import type { Part } from '../../../src/domain/manifest.ts';
import { UNCONFINED } from '../../../src/io/confinement.ts';
import { hashFile, listTree } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';
import { temporaryDirectory, writeTree, type TreeContent } from '../../support/archives.ts';

const facts = await run([
  'python3',
  '-c',
  'import sys; print(sys.executable, "%d.%d" % sys.version_info[:2])',
]);
const [python = '', version = ''] = facts.stdout.split(' ');
const TAG = `cpython-${version.replace('.', '')}`;
const SITE = `lib/python${version}/site-packages`;

const CONTENT = {
  [`${SITE}/app/__init__.py`]: '',
  [`${SITE}/app/main.py`]: `from . import sibling, constant_not_module
from .deep.inner import thing
from typing import TYPE_CHECKING
try:
    import in_try
except ImportError:
    import in_handler
if TYPE_CHECKING:
    import only_for_checkers
else:
    import not_for_checkers
class C:
    import in_class
def f():
    import in_function
VALUES = "a" in {"a", "b", "c", "d"}
`,
  [`${SITE}/app/sibling.py`]: 'from namespace import member\n',
  [`${SITE}/app/unused.py`]: '',
  [`${SITE}/app/deep/__init__.py`]: 'from ..above import *\n',
  [`${SITE}/app/deep/inner.py`]: 'thing = 1\n',
  [`${SITE}/app/above.py`]: '',
  [`${SITE}/namespace/member.py`]: '',
  [`${SITE}/plugins/__init__.py`]: '',
  [`${SITE}/plugins/a.py`]: '',
  [`${SITE}/plugins/b/c.py`]: '',
  [`lib/python${version}/typing.py`]: '',
  'init/services/program/__init__.py': '',
  'init/services/program/part.py': 'from . import sibling\nimport needed_by_program\n',
  [`${SITE}/needed_by_program.py`]: '',
  ...Object.fromEntries(
    ['in_try', 'in_handler', 'only_for_checkers', 'not_for_checkers', 'in_class', 'in_function'].map(
      (name) => [`${SITE}/${name}.py`, ''],
    ),
  ),
};

async function compile(
  name: string,
  modules: readonly string[],
  reduction: { readonly content?: TreeContent; readonly keep?: readonly string[] } = {},
): Promise<{ root: string; files: string[]; parts: ReadonlyMap<string, Part> }> {
  const content = { ...CONTENT, ...reduction.content };
  const root = await writeTree(path.join(await temporaryDirectory(), name), content);
  const before = new Map<string, Part>(Object.keys(content).map((file) => [file, 'wheel:app']));
  const parts = await compileByteCode({
    python,
    root,
    site: SITE,
    modules,
    programs: 'init',
    keep: reduction.keep,
    parts: before,
    confinement: UNCONFINED,
  });
  const files = (await listTree(root)).map((entry) => entry.path).filter((file) => file.endsWith('.pyc'));
  return { root, files, parts };
}

function compiled(...modules: readonly string[]): string[] {
  return modules
    .map((file) => `${path.posix.dirname(file)}/__pycache__/${path.posix.basename(file)}.${TAG}.pyc`)
    .sort();
}

describe('compileByteCode', () => {
  it('compiles only modules that the given ones import when they are loaded', async () => {
    const { files, parts } = await compile('release', ['app.main', 'plugins.*']);
    expect(files.sort()).toEqual(
      compiled(
        `lib/python${version}/typing`,
        ...['__init__', 'main', 'sibling', 'above', 'deep/__init__', 'deep/inner'].map(
          (name) => `${SITE}/app/${name}`,
        ),
        ...['namespace/member', 'plugins/__init__', 'plugins/a', 'plugins/b/c'].map(
          (name) => `${SITE}/${name}`,
        ),
        ...['in_try', 'in_handler', 'not_for_checkers', 'in_class'].map((name) => `${SITE}/${name}`),
        'init/services/program/__init__',
        'init/services/program/part',
        `${SITE}/needed_by_program`,
      ),
    );
    for (const file of files) expect(parts.get(file), file).toBe('wheel:app');
  });

  it('writes the same bytes in any directory, without the name of any; checks only programs', async () => {
    const one = await compile('release', ['app.main']);
    const two = await compile('a much longer name of a directory', ['app.main']);
    for (const file of one.files) {
      expect(await hashFile(path.join(two.root, file)), file).toBe(await hashFile(path.join(one.root, file)));
      const bytes = await readFile(path.join(one.root, file));
      expect(bytes.includes(path.dirname(one.root)), file).toBe(false);
      // PEP 552: hash-based, and checked against the source or not.
      expect(bytes.readUInt32LE(4), file).toBe(file.startsWith('init/') ? 3 : 1);
    }
  });

  it('removes unused modules from the library on request, but keeps late imports', async () => {
    const library = `lib/python${version}`;
    const content = {
      'init/services/program/late.py':
        'def f():\n    match 1:\n        case 1:\n            import late_module, _native\n',
      [`${library}/late_module.py`]: 'import _strange.nothing\n',
      [`${library}/traceback.py`]: '',
      [`${library}/unused/__init__.py`]: '',
      [`${library}/unused/part.py`]: '',
      [`${library}/lib-dynload/_native.abi3-x86_64.so`]: '',
      [`${library}/lib-dynload/_foreign.abi3-x86_64.so`]: '',
      [`${library}/record.txt`]: '',
      [`${library}/notes.txt`]: '',
    };
    const { root, parts } = await compile('release', [], { content, keep: [`${library}/rec*.txt`] });
    const left = (await listTree(path.join(root, library))).map((entry) => entry.path);
    expect(left.filter((file) => !file.startsWith('site-packages'))).toEqual([
      'late_module.py',
      'lib-dynload',
      'lib-dynload/_native.abi3-x86_64.so',
      'record.txt',
      'traceback.py',
    ]);
    expect(left).toContain('site-packages/app/unused.py');
    const there = (await listTree(root)).filter(({ kind }) => kind === 'file').map((entry) => entry.path);
    expect([...parts.keys()].toSorted()).toEqual(there);
  });

  it('names a missing module, and a missing interpreter', async () => {
    await expect(compile('release', ['app.main', 'app.absent'])).rejects.toMatchObject({
      facts: { code: 'KSB_BYTE_CODE_FAILED', details: ['no such module: app.absent'] },
    });
    const root = await temporaryDirectory();
    const options = {
      root,
      site: SITE,
      modules: [],
      programs: 'init',
      parts: new Map<string, Part>(),
      confinement: UNCONFINED,
    };
    await expect(compileByteCode({ ...options, python: '/nowhere/python3' })).rejects.toMatchObject({
      facts: { code: 'KSB_BYTE_CODE_FAILED', why: expect.stringContaining('ENOENT') },
    });
  });

  it('refuses an interpreter of another version', async () => {
    const root = await temporaryDirectory();
    const options = {
      python,
      root,
      site: 'lib/python2.6/site-packages',
      confinement: UNCONFINED,
      modules: [],
      programs: 'init',
      parts: new Map<string, Part>(),
    };
    await expect(compileByteCode(options)).rejects.toMatchObject({
      facts: { code: 'KSB_BYTE_CODE_FAILED', details: [expect.stringContaining(version)] },
    });
  });
});
