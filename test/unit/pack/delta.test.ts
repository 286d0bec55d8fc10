import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { UNCONFINED } from '../../../src/io/confinement.ts';
import { collectContent } from '../../../src/io/archive/entry.ts';
import { gzipMembers, readGzipMembers } from '../../../src/io/archive.ts';
import { hashBytes, hashFile } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';
import { applyDelta } from '../../../src/pack/delta/apply.ts';
import { encodeHeader, readHeader, type DeltaHeader } from '../../../src/pack/delta/header.ts';
import { makeDelta } from '../../../src/pack/delta/make.ts';
import type { VerifyingKey } from '../../../src/pack/key.ts';
import { generateKeys, readVerifyingKey } from '../../../src/pack/keys.ts';
import { applyFile, deltaFiles } from '../../../src/pipeline/delta.ts';
import { signFile } from '../../../src/pipeline/sign.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { factsOf } from '../../support/errors.ts';
import { NAME, packDemo } from '../../support/packed-release.ts';

/** Two releases that differ in one file, and the delta between them. */
async function makePair(): Promise<{ from: string; to: string; delta: string; directory: string }> {
  const [{ packed: from }, { packed: to }] = [
    await packDemo(),
    await packDemo((release) => writeFile(path.join(release, 'lib', 'app.py'), 'print(2)\n'.repeat(5000))),
  ];
  const directory = await temporaryDirectory();
  const { file: delta } = await makeDelta(from.tarball, to.tarball, { confinement: UNCONFINED, directory });
  return { from: from.tarball, to: to.tarball, delta, directory };
}

async function content(file: string): Promise<string> {
  return (await collectContent(readGzipMembers(file, file))).toString('latin1');
}

/**
 * Writes a delta with another header or other frames, and returns why it is refused. No file may remain from the
 * attempt.
 */
async function refuse(
  { from, delta }: { readonly from: string; readonly delta: string },
  change: (parts: { header: DeltaHeader; frames: Buffer }) => Uint8Array | Promise<Uint8Array>,
): Promise<string> {
  const bytes = await readFile(delta);
  const header = await readHeader(delta);
  const hostile = path.join(await temporaryDirectory(), 'hostile.delta');
  await writeFile(hostile, await change({ header, frames: bytes.subarray(encodeHeader(header).length) }));
  const directory = await temporaryDirectory();
  const { code, exitCode } = await factsOf(applyDelta(from, hostile, { confinement: UNCONFINED, directory }));
  expect({ exitCode, left: await readdir(directory) }).toEqual({ exitCode: 4, left: [] });
  return code;
}

async function publicKey(key: string): Promise<VerifyingKey> {
  return readVerifyingKey(`${key}.pub`, async () => Promise.reject(new Error('no program is wanted')));
}

describe('a delta', () => {
  it('makes the new tarball from the old one, byte for byte', async () => {
    const { from, to, delta } = await makePair();
    expect(path.basename(delta)).toBe(`${NAME}.from.${NAME}.delta`);
    const out = await temporaryDirectory();
    const result = await applyDelta(from, delta, { confinement: UNCONFINED, directory: out });
    expect(result).toEqual({
      file: path.join(out, `${NAME}.tar.gz`),
      release: NAME,
      sha256: await hashFile(to),
      size: (await readFile(to)).length,
      signatures: [],
      keys: [],
    });
    expect((await readFile(result.file)).equals(await readFile(to))).toBe(true);
    expect(await readdir(out)).toEqual([`${NAME}.tar.gz`]);
  });

  it('can be applied without ksbundle, up to the compression', async () => {
    const { from, to, delta, directory } = await makePair();
    const script =
      'gzip -dc "$1" >old.tar && zstd -q -d --memory=2048MB --patch-from=old.tar "$2" -o new.tar';
    const argv = ['sh', '-c', script, 'sh', from, delta];
    expect(await run(argv, { directory })).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await readFile(path.join(directory, 'new.tar'), 'latin1')).toBe(await content(to));
  });

  it('contains the signatures of the new tarball, whoever signed the old one', async () => {
    const { from, to, directory } = await makePair();
    const [ours, theirs] = [path.join(directory, 'ours.key'), path.join(directory, 'theirs.key')];
    for (const file of [ours, theirs]) await generateKeys({ file });
    const unsigned = await readFile(from);
    await signFile(from, { files: [theirs] });
    await signFile(to, { files: [ours] });
    const file = path.join(directory, 'new.delta');
    await makeDelta(from, to, { confinement: UNCONFINED, directory, file });
    await writeFile(from, unsigned);
    const options = { directory, file: path.join(directory, 'made.tar.gz') };
    const made = await applyDelta(from, file, {
      confinement: UNCONFINED,
      ...options,
      keys: [await publicKey(ours)],
    });
    expect(made).toMatchObject({ sha256: await hashFile(to), signatures: [`${made.file}.sig`] });
    expect(made.keys).toEqual([(await publicKey(ours)).id]);
    expect(await readFile(`${made.file}.sig`)).toEqual(await readFile(`${to}.sig`));
    await rm(made.file);
    const keys = [await publicKey(theirs)];
    const refused = await factsOf(applyDelta(from, file, { confinement: UNCONFINED, ...options, keys }));
    expect(refused).toMatchObject({ code: 'KSB_SIGNATURE_INVALID', exitCode: 4 });
    expect(await readdir(directory)).not.toContain('made.tar.gz');
  });

  it('is not made if the new tarball could not be reproduced', async () => {
    const { from, to, directory } = await makePair();
    const members = gzipMembers(readGzipMembers(to, to), 1);
    await writeFile(to, await collectContent(members));
    const file = path.join(directory, 'never.delta');
    expect(await factsOf(makeDelta(from, to, { confinement: UNCONFINED, directory, file }))).toMatchObject({
      code: 'KSB_DELTA_UNREPRODUCIBLE',
      exitCode: 1,
    });
    expect(await readdir(directory)).not.toContain('never.delta');
  });

  it('requires a recent zstd, and reports that before it writes anything', async () => {
    const { from, to, delta, directory } = await makePair();
    const options = { directory, keys: [], emit: () => undefined, signal: new AbortController().signal };
    const programs = await temporaryDirectory();
    const refused = async (): Promise<unknown> => {
      const applying = await factsOf(applyFile(from, delta, options));
      expect(await factsOf(deltaFiles(from, to, options))).toEqual(applying);
      expect(await readdir(directory)).toEqual([path.basename(delta)]);
      return applying;
    };
    vi.stubEnv('PATH', programs);
    try {
      expect(await refused()).toMatchObject({ code: 'KSB_HOST_TOOL_MISSING', exitCode: 3 });
      // The version in EL 8.
      const banner = '*** zstd command line interface 64-bits v1.4.4, by Yann Collet ***';
      await writeFile(path.join(programs, 'zstd'), `#!/bin/sh\necho '${banner}'\n`, { mode: 0o755 });
      expect(await refused()).toMatchObject({
        code: 'KSB_HOST_TOOL_MISSING',
        exitCode: 3,
        problems: [
          {
            code: 'tool-too-old',
            message: 'zstd is 1.4.4, but 1.4.5 or newer is required; it is needed to make and apply deltas',
          },
        ],
        hint: expect.stringMatching(/^install it as root: .*; if that version is too old/u),
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('refused, with nothing left behind', () => {
  it('is a release other than the one that the delta was made from, with both digests', async () => {
    const { to, delta } = await makePair();
    const directory = path.join(await temporaryDirectory(), 'never');
    const { from } = await readHeader(delta);
    expect(await factsOf(applyDelta(to, delta, { confinement: UNCONFINED, directory }))).toMatchObject({
      code: 'KSB_DELTA_WRONG_BASE',
      exitCode: 4,
      details: [
        `expected sha256:${from.tarSha256}`,
        `     got sha256:${hashBytes(Buffer.from(await content(to), 'latin1'))}`,
      ],
    });
    expect(await readdir(path.dirname(directory))).toEqual([]);
  });

  it('is a delta that is truncated, or has any byte flipped', async () => {
    const pair = await makePair();
    const bytes = await readFile(pair.delta);
    const codes = new Set<string>();
    for (let at = 0; at < bytes.length; at += 11) {
      codes.add(await refuse(pair, () => bytes.subarray(0, at)));
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 0x10;
      codes.add(await refuse(pair, () => flipped));
    }
    expect([...codes].sort()).toEqual(['KSB_ARCHIVE_DAMAGED', 'KSB_NOT_A_DELTA']);
  }, 60_000);

  it('is a delta whose output differs from what it declares', async () => {
    const pair = await makePair();
    const declare = (change: Partial<DeltaHeader['to']>): Promise<string> =>
      refuse(pair, ({ header, frames }) =>
        Buffer.concat([encodeHeader({ ...header, to: { ...header.to, ...change } }), frames]),
      );
    const { to } = await readHeader(pair.delta);
    expect(await declare({ tarSize: to.tarSize - 1 })).toBe('KSB_ARCHIVE_DAMAGED');
    expect(await declare({ tarSize: to.tarSize + 1 })).toBe('KSB_ARCHIVE_DAMAGED');
    expect(await declare({ tarSize: 2 ** 40 })).toBe('KSB_NOT_A_DELTA');
    expect(await declare({ tarSha256: to.sha256 })).toBe('KSB_DIGEST_MISMATCH');
    expect(await declare({ sha256: to.tarSha256 })).toBe('KSB_DELTA_OTHER_ZLIB');
    expect(await declare({ release: '../elsewhere' })).toBe('KSB_NOT_A_DELTA');
  });

  it('is a bomb, whether of bytes or of memory', async () => {
    const pair = await makePair();
    const bomb = async (...options: readonly string[]): Promise<Buffer> => {
      const directory = await temporaryDirectory();
      const script = `head -c 500000000 /dev/zero | zstd -q ${options.join(' ')} -o bomb`;
      await run(['sh', '-c', script], { directory });
      return readFile(path.join(directory, 'bomb'));
    };
    for (const frames of [await bomb(), await bomb('--long=31')]) {
      const begun = performance.now();
      expect(await refuse(pair, ({ header }) => Buffer.concat([encodeHeader(header), frames]))).toBe(
        'KSB_ARCHIVE_DAMAGED',
      );
      expect(performance.now() - begun).toBeLessThan(5000);
    }
  }, 60_000);
});
