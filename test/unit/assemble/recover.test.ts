import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { recoverProject } from '../../../src/assemble/recover.ts';
import { sha256 } from '../../../src/domain/digest.ts';
import type { Manifest } from '../../../src/domain/manifest.ts';
import { listTree } from '../../../src/io/files.ts';
import { formatChecksums, parseChecksums } from '../../../src/domain/checksums.ts';
import { formatManifest, parseManifest } from '../../../src/pack/manifest.ts';
import { temporaryDirectory, writeTree, type TreeContent } from '../../support/archives.ts';
import { BUNDLE } from '../../support/packed-release.ts';

const DIGEST = sha256('a'.repeat(64));

function manifestOf(files: readonly string[]): Manifest {
  return {
    format: 1,
    ...BUNDLE,
    requires: [],
    components: [],
    wheels: [],
    files: files.map((file) => ({ path: file, part: 'bundle', mode: '644', size: 1, sha256: DIGEST })),
  };
}

const SOUND: TreeContent = {
  'init/bundle.json': '{ "services": [{ "name": "demo" }] }',
  'init/services/demo/templates/a.conf': 'a',
  'lib/python3.13/site-packages/demo/module.py': 'm',
  'share/doc/index.html': '<!doctype html>',
  'share/ksbundle/recipes/demo/bundle.toml': 'b',
  'share/ksbundle/lockfiles/demo.json': '{}',
};

async function recover(content: TreeContent) {
  const top = await temporaryDirectory();
  const release = await writeTree(path.join(top, 'deep/enough/release'), content);
  const directory = path.join(top, 'deep/enough/project');
  const project = await recoverProject(release, { manifest: manifestOf(Object.keys(content)), directory });
  return { top, directory, project };
}

describe('recoverProject', () => {
  it('recovers a project from the parts in a release', async () => {
    const { directory, project } = await recover(SOUND);
    expect(project?.recipes).toBe(path.join(directory, 'recipes'));
    const files = (await listTree(directory)).filter(({ kind }) => kind === 'file');
    expect(files.map((file) => file.path)).toEqual([
      'init/services/demo/site-packages/demo/module.py',
      'init/services/demo/templates/a.conf',
      'lockfiles/demo.json',
      'pages/index.html',
      'recipes/demo/bundle.toml',
    ]);
  });

  it.each(['"../../../x"', '"/tmp/x"', '"demo/../../.."', '".."', '"a\\nb"', '""', '3', 'null'])(
    'writes nothing for a release whose service is called %s',
    async (name) => {
      const { top, project } = await recover({
        ...SOUND,
        'init/bundle.json': `{ "services": [{ "name": ${name} }] }`,
      });
      expect(project).toBeUndefined();
      expect(await readdir(path.join(top, 'deep/enough'))).toEqual(['release']);
      expect(await readdir(top)).toEqual(['deep']);
    },
  );

  it('accepts no link as a recipe', async () => {
    const { project } = await recover({
      'init/bundle.json': SOUND['init/bundle.json'] ?? '',
      'share/ksbundle/recipes': { link: '../../../..' },
    });
    expect(project).toBeUndefined();
  });
});

describe('the lists of a tarball', () => {
  const names = ['../x', '/x', 'a/../../x', 'a//b', './a', 'a\\b', 'a\nb', 'a\u001bb', ''];

  it.each(names)('is no manifest if it names %j', (name) => {
    expect(parseManifest(formatManifest(manifestOf(['a'])))).toBeDefined();
    expect(parseManifest(formatManifest(manifestOf(['a', name])))).toBeUndefined();
  });

  it.each(['/etc/passwd', '../x', 'a/../../x'])('is no manifest if a link leads to %s', (target) => {
    const manifest = manifestOf([]);
    const link = { path: 'link', part: 'bundle' as const, target };
    expect(parseManifest(formatManifest({ ...manifest, files: [{ ...link, target: 'a' }] }))).toBeDefined();
    expect(parseManifest(formatManifest({ ...manifest, files: [link] }))).toBeUndefined();
  });

  it.each(names)('is no list of checksums if it names %j', (name) => {
    expect(parseChecksums(formatChecksums(new Map([['a', DIGEST]])))).toBeDefined();
    expect(
      parseChecksums(
        formatChecksums(
          new Map([
            ['a', DIGEST],
            [name, DIGEST],
          ]),
        ),
      ),
    ).toBeUndefined();
  });
});
