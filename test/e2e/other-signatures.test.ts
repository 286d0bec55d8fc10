import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { removeTree } from '../../src/io/files.ts';
import { run, type RunResult } from '../../src/io/process.ts';
import { releaseName, tarball } from './support/bundle.ts';
import { documentedCommands } from './support/documented.ts';

const [signCommands = '', verifyCommands = ''] = await documentedCommands('With minisign or GPG');
const [minisignSigns = '', gpgSigns = ''] = signCommands.trim().split('\n');
const [minisignVerifies = '', gpgVerifies = ''] = verifyCommands.trim().split('\n');

let directory: string;
let file: string;

/** Commands to type in the tarball's directory. */
function type(command: string): Promise<RunResult> {
  const environment = {
    PATH: process.env['PATH'] ?? '',
    GNUPGHOME: path.join(directory, 'gnupg'),
    HOME: directory,
  };
  return run(['sh', '-euc', command], { directory, environment });
}

async function succeed(command: string): Promise<void> {
  expect([command, await type(command)]).toEqual([command, expect.objectContaining({ exitCode: 0 })]);
}

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'ksb-sig-'));
  file = path.join(directory, `${releaseName()}.tar.gz`);
  await copyFile(tarball(), file);
  await mkdir(path.join(directory, 'gnupg'), { mode: 0o700 });
  // Without a passphrase, for which both would ask.
  await succeed('minisign -G -W -s organisation.minisign -p organisation.minisign.pub');
  await succeed(
    'gpg --batch --passphrase "" --quick-generate-key releases@example.org ed25519 sign never' +
      ' && gpg --export releases@example.org >organisation.gpg',
  );
  return async () => {
    await type('gpgconf --kill all');
    await removeTree(directory);
  };
});

it.each([
  ['minisign', minisignSigns, minisignVerifies],
  ['GPG', gpgSigns, gpgVerifies],
])(
  '%s signs and verifies the tarball as documented, and refuses one with a changed byte',
  async (_tool, signs, verifies) => {
    expect((await type(verifies)).exitCode).not.toBe(0);
    await succeed(signs);
    await succeed(verifies);
    const bytes = await readFile(file);
    const altered = Buffer.from(bytes);
    const middle = altered.length >> 1;
    altered[middle] = (altered[middle] ?? 0) ^ 1;
    await writeFile(file, altered);
    expect((await type(verifies)).exitCode).not.toBe(0);
    await writeFile(file, bytes);
    await succeed(verifies);
  },
);

it("a signature by another key than the organisation's is refused", async () => {
  await succeed('minisign -G -W -s other.minisign -p other.minisign.pub');
  await succeed(minisignSigns.replace('organisation', 'other'));
  expect((await type(minisignVerifies)).exitCode).not.toBe(0);
  await succeed('gpg --batch --passphrase "" --quick-generate-key other@example.org ed25519 sign never');
  await succeed(`rm *.asc && ${gpgSigns.replace('releases@example.org', 'other@example.org')}`);
  expect((await type(gpgVerifies)).exitCode).not.toBe(0);
});
