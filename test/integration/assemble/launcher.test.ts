import { chmod, mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatLauncher } from '../../../src/assemble/launcher.ts';
import { run, type RunResult } from '../../../src/io/process.ts';
import { temporaryDirectory, writeTree } from '../../support/archives.ts';

const SHELLS: readonly (readonly string[])[] = [
  ['dash'],
  ['bash', '--posix'],
  ['busybox', 'ash'],
  ['mksh'],
  ['yash', '--posixly-correct'],
  ['ksh93'],
];

const available = await Promise.all(
  SHELLS.map(async (shell) => (await run([...shell, '-c', ':'])).exitCode === 0),
);

const APP = `import os, sys
class Tool:
    @staticmethod
    def run():
        print(repr([sys.argv, os.path.realpath(sys.executable), sys.flags.isolated, sys.dont_write_bytecode]))
        return 7
`;

/** A release with the host's Python through a pyvenv.cfg; `tool` runs a method of a class. */
async function makeRelease(root: string): Promise<string> {
  const facts = await run([
    'python3',
    '-c',
    'import sys; print(sys.executable, "%d.%d" % sys.version_info[:2])',
  ]);
  const [python = '', version = ''] = facts.stdout.split(' ');
  await writeTree(root, {
    'pyvenv.cfg': `home = ${path.dirname(python)}\n`,
    [`lib/python${version}/site-packages/app.py`]: APP,
    'bin/python3': { link: python },
    'bin/tool': { program: formatLauncher({ name: 'tool', entryPoint: 'app:Tool.run' }) },
  });
  return root;
}

/** Output of the program: its argv, and whether it ran isolated. */
function argvOf(result: RunResult): string {
  expect(result).toMatchObject({ exitCode: 7, stderr: '' });
  expect(result.stdout).toMatch(/, 1, True\]$/);
  return result.stdout.slice(2, result.stdout.indexOf(']'));
}

describe.each(
  SHELLS.map((shell, index) => ({ shell, name: shell.join(' '), present: available[index] === true })),
)('a launcher run by $name', ({ shell, present }) => {
  it.skipIf(!present)(
    'finds its release from anywhere, through links, after a move, whatever the environment',
    async () => {
      const directory = await temporaryDirectory();
      const root = await makeRelease(path.join(directory, "re léase's & $co `x`"));
      const elsewhere = path.join(directory, 'else where');
      await mkdir(path.join(elsewhere, 'bin'), { recursive: true });
      const tool = path.join(root, 'bin/tool');
      await symlink(tool, path.join(elsewhere, 'absolute'));
      await symlink(path.relative(elsewhere, tool), path.join(elsewhere, 'relative'));
      await symlink('../relative', path.join(elsewhere, 'bin', 'twice'));
      await symlink(root, path.join(elsewhere, 'linked release'));
      await writeFile(path.join(elsewhere, 'app.py'), 'raise SystemExit("the wrong app")\n');

      const hostile = { PYTHONPATH: elsewhere, PYTHONHOME: '/nowhere', CDPATH: '/usr:/', PYTHONVERBOSE: '1' };
      const call = async (program: string, from: string): Promise<string> =>
        argvOf(
          await run([...shell, program, 'a b', '--c=é', '$x', ''], {
            directory: from,
            environment: hostile,
            extendEnvironment: true,
          }),
        );
      const argv = (program: string): string => `${pythonRepr(program)}, 'a b', '--c=é', '$x', ''`;

      expect(await call(tool, '/')).toBe(argv(tool));
      expect(await call('bin/tool', root)).toBe(argv('bin/tool'));
      expect(await call('tool', path.join(root, 'bin'))).toBe(argv('tool'));
      for (const link of ['absolute', 'relative', './bin/twice', 'linked release/bin/tool']) {
        expect(await call(link, elsewhere), link).toBe(argv(link));
      }
      const moved = path.join(directory, 'moved');
      await rename(root, moved);
      expect(await call(path.join(moved, 'bin/tool'), '/')).toBe(argv(path.join(moved, 'bin/tool')));
    },
  );
});

describe('a launcher', () => {
  it('is found through PATH and gives the program its name', async () => {
    const directory = await temporaryDirectory();
    const root = await makeRelease(path.join(directory, 'release'));
    const environment = { PATH: `${path.join(root, 'bin')}:${process.env['PATH'] ?? ''}` };
    expect(argvOf(await run(['env', 'tool', 'x'], { environment }))).toBe(`'${root}/bin/tool', 'x'`);
  });

  it('leaves a read-only release as it is', async () => {
    const directory = await temporaryDirectory();
    const root = await makeRelease(path.join(directory, 'release'));
    await chmod(path.join(root, 'lib'), 0o555);
    argvOf(await run([path.join(root, 'bin/tool')]));
    const caches = await run(['find', root, '-name', '__pycache__']);
    expect(caches.stdout).toBe('');
  });

  it('is refused for an invalid entry point', () => {
    for (const entryPoint of ['app', 'app:', "app:x';rm -rf", 'app:f()', 'a b:c']) {
      expect(() => formatLauncher({ name: 'x', entryPoint }), entryPoint).toThrow(TypeError);
    }
  });
});

function pythonRepr(text: string): string {
  return text.includes("'") ? `"${text}"` : `'${text}'`;
}
