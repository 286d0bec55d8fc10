import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DEFAULT_PLATFORM, parsePlatform } from '../../../src/domain/platform.ts';
import { hashFile, removeTree } from '../../../src/io/files.ts';
import { pipeline } from '../../../src/pipeline.ts';
import { makeTinyBundle } from '../../e2e/support/tiny-bundle.ts';

const platform = parsePlatform(DEFAULT_PLATFORM);
if (platform === undefined) throw new TypeError(DEFAULT_PLATFORM);
const common = {
  platform,
  jobs: 2,
  offline: true,
  emit: () => undefined,
  signal: new AbortController().signal,
};

test('an escrow archive is enough to make its tarball and itself again; an altered one is refused', async () => {
  const tiny = await makeTinyBundle();
  const build = await pipeline.openContext({
    ...common,
    mirrors: [tiny.mirror],
    cacheDirectory: tiny.cache,
    outDirectory: path.dirname(tiny.tarball),
    recipesDirectory: tiny.recipes,
    lockfilesDirectory: path.dirname(tiny.lockfile),
  });
  const plain = await pipeline.buildBundle(build, 'tiny');
  const sha256 = await hashFile(plain.tarball);
  expect(plain).not.toHaveProperty('escrow');
  const { escrow = '' } = await pipeline.buildBundle(build, 'tiny', { withSources: true });
  expect(await hashFile(plain.tarball)).toBe(sha256);

  const elsewhere = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-elsewhere-'));
  onTestFinished(() => removeTree(elsewhere));
  const carried = path.join(elsewhere, 'carried.tar');
  await copyFile(escrow, carried);
  await removeTree(path.dirname(tiny.directory));
  const context = await pipeline.openContext({
    ...common,
    mirrors: [],
    cacheDirectory: path.join(elsewhere, 'cache'),
    outDirectory: elsewhere,
    recipesDirectory: elsewhere,
    lockfilesDirectory: elsewhere,
  });
  const digest = await hashFile(carried);
  expect(await pipeline.rebuildFile(context, carried, { trust: true })).toMatchObject({
    identical: true,
    sha256,
    rebuiltSha256: sha256,
    escrow: { identical: true, sha256: digest, rebuiltSha256: digest },
  });

  const bytes = await readFile(carried);
  bytes.write('S', bytes.indexOf('sources and wheels, by the names'));
  await writeFile(carried, bytes);
  await expect(pipeline.rebuildFile(context, carried, { trust: true })).rejects.toMatchObject({
    facts: { code: 'KSB_VERIFY_FAILED', exitCode: 4, why: 'README does not match SHA256SUMS' },
  });
});
