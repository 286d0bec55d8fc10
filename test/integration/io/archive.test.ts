import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findConfinement } from '../../../src/host/confinement.ts';
import { packTree, unpackArchive } from '../../../src/io/archive.ts';
import { exists, removeTree } from '../../../src/io/files.ts';
import { findProgram } from '../../../src/io/find-program.ts';
import { run } from '../../../src/io/process.ts';
import { temporaryDirectory, writeTree } from '../../support/archives.ts';

const newRoot = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-root-'));
afterAll(() => removeTree(newRoot));
const confinement = await findConfinement({ root: newRoot });

const available = await Promise.all(
  ['bzip2', 'xz'].map(async (name) => (await run([name, '--version'])).exitCode === 0),
);

describe.skipIf(available.includes(false)).each(['bzip2', 'xz'])(
  'unpackArchive of a tar in %s',
  (program) => {
    async function makeArchive(): Promise<string> {
      const directory = await temporaryDirectory();
      const root = await writeTree(path.join(directory, 'root'), {
        'a/b': 'content\n'.repeat(100_000),
        c: 'c',
      });
      await packTree(root, path.join(directory, 'archive'));
      expect(await run([program, path.join(directory, 'archive')])).toMatchObject({ exitCode: 0 });
      const file = (await readdir(directory)).find((name) => name.startsWith('archive')) ?? '';
      return path.join(directory, file);
    }

    it('reads it', async () => {
      const file = await makeArchive();
      const out = path.join(path.dirname(file), 'out');
      await unpackArchive(file, out, { confinement });
      expect((await readFile(path.join(out, 'a/b'))).length).toBe(800_000);
    });

    it('refuses it truncated', async () => {
      const file = await makeArchive();
      const bytes = await readFile(file);
      await writeFile(file, bytes.subarray(0, bytes.length - 9));
      await expect(
        unpackArchive(file, path.join(path.dirname(file), 'out'), { confinement }),
      ).rejects.toMatchObject({
        facts: { code: 'KSB_ARCHIVE_DAMAGED', exitCode: 4 },
      });
      expect(await readdir(path.dirname(file))).not.toContain('out');
    });

    it('runs the program in confinement', async ({ skip }) => {
      if (confinement.level !== 'full') return skip(confinement.why);
      const file = await makeArchive();
      const place = path.dirname(file);
      const real = await findProgram(program, process.env['PATH'] ?? '');
      const script = `#!/bin/sh\nls ${place} >&2; echo gone >${place}/harm; echo gone >/tmp/harm-${path.basename(place)}\nexec ${real} "$@"\n`;
      const bin = await writeTree(path.join(place, 'bin'), { [program]: { program: script } });
      const search = process.env['PATH'];
      process.env['PATH'] = `${bin}:${search}`;
      try {
        await unpackArchive(file, path.join(place, 'out'), { confinement });
      } finally {
        process.env['PATH'] = search;
      }
      expect((await readFile(path.join(place, 'out/c'))).toString()).toBe('c');
      expect(await readdir(place)).not.toContain('harm');
      expect(await exists(`/tmp/harm-${path.basename(place)}`)).toBe(false);
    });

    it('is refused if the program cannot be confined', async () => {
      const file = await makeArchive();
      await expect(unpackArchive(file, path.join(path.dirname(file), 'out'))).rejects.toMatchObject({
        facts: { code: 'KSB_ARCHIVE_UNKNOWN', exitCode: 4, message: expect.stringContaining(program) },
      });
    });

    it('reports which program is missing', async () => {
      const file = await makeArchive();
      const search = process.env['PATH'];
      process.env['PATH'] = path.dirname(file);
      try {
        await expect(
          unpackArchive(file, path.join(path.dirname(file), 'out'), { confinement }),
        ).rejects.toMatchObject({
          facts: { code: 'KSB_HOST_TOOL_MISSING', exitCode: 3, message: expect.stringContaining(program) },
        });
      } finally {
        process.env['PATH'] = search;
      }
    });
  },
);
