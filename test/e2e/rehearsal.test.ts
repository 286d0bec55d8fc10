import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { rehearseInstall } from '../../src/assemble/rehearse.ts';
import { findConfinement } from '../../src/host/confinement.ts';
import type { Event } from '../../src/domain/events.ts';
import { unpackArchive } from '../../src/io/archive.ts';
import type { Confinement } from '../../src/io/confinement.ts';
import { listTree, removeTree } from '../../src/io/files.ts';
import { tarball } from './support/bundle.ts';

const events: Event[] = [];
const emit = (event: Event): void => void events.push(event);
let root: string;
let confinement: Confinement;

beforeAll(async () => {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-rehearsal-'));
  root = path.join(directory, 'release');
  await unpackArchive(tarball(), root, { strip: 1 });
  confinement = await findConfinement({ root: path.join(directory, 'root') });
  return () => removeTree(directory);
}, 120_000);

/** Changes a file of the release for one test. */
async function change(name: string, edit: (text: string) => string): Promise<void> {
  const file = path.join(root, name);
  const before = await readFile(file, 'utf8');
  onTestFinished(() => writeFile(file, before));
  await writeFile(file, edit(before));
}

it('a valid release plans an install with the defaults, and writes nothing', async () => {
  const before = await listTree(root);
  await rehearseInstall({ root, isForeign: false, confinement, emit });
  expect(await listTree(root)).toEqual(before);
});

it("a template with an unknown value ends the build with the installer's message", async () => {
  await change('init/services/keystone/templates/keystone.conf', (text) =>
    text.replaceAll('@{', '@{nowhere_'),
  );
  await expect(rehearseInstall({ root, isForeign: false, confinement, emit })).rejects.toMatchObject({
    facts: {
      code: 'KSB_RELEASE_UNUSABLE',
      exitCode: 1,
      details: expect.arrayContaining([expect.stringContaining('nowhere_')]),
    },
  });
});

it('a Python for another machine is skipped with a warning', async () => {
  const python = path.join(root, 'bin/python3');
  await rename(python, `${python}.kept`);
  onTestFinished(() => rename(`${python}.kept`, python));
  // The first bytes of a program for a nonexistent machine.
  await writeFile(python, Buffer.concat([Buffer.from('\x7fELF\x02\x01\x01'), Buffer.alloc(57, 0xfe)]), {
    mode: 0o755,
  });
  await rehearseInstall({ root, isForeign: true, confinement, emit });
  expect(events).toMatchObject([{ type: 'warning', message: expect.stringContaining('not tested') }]);
});

it('so does a package that does not load or is missing', async () => {
  await change('init/services/keystone/hooks.py', (text) => `${text}\nimport nonsense\n`);
  await expect(rehearseInstall({ root, isForeign: false, confinement, emit })).rejects.toMatchObject({
    facts: { code: 'KSB_RELEASE_UNUSABLE' },
  });
  await rm(path.join(root, 'init/services/keystone/hooks.py'));
  await expect(rehearseInstall({ root, isForeign: false, confinement, emit })).rejects.toMatchObject({
    facts: { code: 'KSB_RELEASE_UNUSABLE' },
  });
});
