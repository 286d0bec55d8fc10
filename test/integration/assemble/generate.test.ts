import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { generateFiles } from '../../../src/assemble/generate.ts';
import type { Part } from '../../../src/domain/manifest.ts';
import type { Generation } from '../../../src/domain/recipe.ts';
import { UNCONFINED } from '../../../src/io/confinement.ts';
import { listTree } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';
import { temporaryDirectory, writeTree } from '../../support/archives.ts';
import { makeService } from '../../support/releases.ts';

const python = (await run(['python3', '-c', 'import sys; print(sys.executable)'])).stdout.trim();

const GENERATION: Generation = { module: 'made', distribution: 'app', uses: [] };

/** Generates with this text as the module `made`; returns the release's files and their parts. */
async function generate(
  text: string,
  { generation = GENERATION, passing = [] as readonly string[], content = {} } = {},
): Promise<{ root: string; files: string[]; parts: ReadonlyMap<string, Part> }> {
  const directory = await temporaryDirectory();
  const tree = { 'site/app/data.txt': 'data', 'site/build/tool.py': 'tool', ...content };
  const root = await writeTree(path.join(directory, 'release'), tree);
  // A program in the place of Python, which finds the module that a release would have.
  const modules = await writeTree(path.join(directory, 'modules'), { 'made.py': text });
  const starter = `#!/bin/sh\nPYTHONPATH=${modules} exec ${python} "$@"\n`;
  const programs = await writeTree(path.join(directory, 'bin'), { python3: { program: starter } });
  const parts = await generateFiles({
    services: [{ ...makeService('shop'), generations: [generation] }],
    python: path.join(programs, 'python3'),
    root,
    parts: new Map<string, Part>(Object.keys(tree).map((file) => [file, 'wheel:app'])),
    passing: new Set(passing),
    temporary: path.join(directory, 'temporary'),
    confinement: UNCONFINED,
  });
  const entries = await listTree(root);
  return { root, files: entries.map((entry) => entry.path), parts };
}

const WRITE = `
import os, sys
os.umask(0o077)
os.makedirs(sys.argv[1] + "/share/new")
with open(sys.argv[1] + "/share/new/file.txt", "w") as file:
    print(sorted(os.environ.keys() & {"HOME", "PYTHONHASHSEED", "SOURCE_DATE_EPOCH", "USER"}), file=file)
`;

describe('generateFiles', () => {
  it('adds what the module made as files of the distribution, readable by all', async () => {
    const { root, files, parts } = await generate(WRITE);
    expect(files).toContain('share/new/file.txt');
    expect(parts.get('share/new/file.txt')).toBe('wheel:app');
    const file = path.join(root, 'share/new/file.txt');
    expect(await readFile(file, 'utf8')).toBe("['HOME', 'PYTHONHASHSEED', 'SOURCE_DATE_EPOCH']\n");
    expect((await stat(file)).mode & 0o777).toBe(0o644);
  });

  it('removes what does not ship afterwards, with directories that are empty then', async () => {
    const { files, parts } = await generate(WRITE, { passing: ['site/build/tool.py'] });
    expect(files).toEqual([
      'share',
      'share/new',
      'share/new/file.txt',
      'site',
      'site/app',
      'site/app/data.txt',
    ]);
    expect(parts.has('site/build/tool.py')).toBe(false);
  });

  it.each([
    ['fails, with its words', 'raise SystemExit("two blocks of seven")', {}, /^it ended with 1$/u],
    [
      'makes a file that the release has',
      WRITE,
      { content: { 'share/new/file.txt': '' } },
      /share\/new\/file\.txt, which the release has already/u,
    ],
    [
      'makes a link',
      'import os, sys; os.symlink("/etc", sys.argv[1] + "/etc")',
      {},
      /etc, which is neither a file/u,
    ],
    [
      'would write through a link of the release',
      WRITE,
      { content: { share: { link: 'site' } } },
      /which the release has already/u,
    ],
    [
      'names a distribution that is not there',
      WRITE,
      { generation: { ...GENERATION, distribution: 'other' } },
      /for other, and the release has no such wheel/u,
    ],
  ] as const)('is an error if the module %s', async (...[, text, options, why]) => {
    await expect(generate(text, options)).rejects.toMatchObject({
      facts: {
        code: 'KSB_GENERATE_FAILED',
        message: expect.stringContaining('made of the service shop'),
        why: expect.stringMatching(why),
      },
    });
  });
});
