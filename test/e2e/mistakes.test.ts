import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { removeTree } from '../../src/io/files.ts';
import { run } from '../../src/io/process.ts';
import { buildElf } from '../fixtures/elf-builder.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { packDemo } from '../support/packed-release.ts';
import { startProxy } from '../support/proxy-server.ts';
import { releaseName, tarball } from './support/bundle.ts';
import { perform, releaseIn } from './support/cell.ts';
import { ksbundle, ROOT, type CliOptions } from './support/cli.ts';
import { startCell, type Machine } from './support/machine.ts';
import { expectMessage } from './support/mistakes.ts';
import { whyNoMachines } from './support/requirements.ts';
import { shell } from './support/succeed.ts';
import { makeTinyBundle } from './support/tiny-bundle.ts';

const lacking = await whyNoMachines(['faketime', 'setpriv']);

describe.skipIf(lacking !== undefined)(
  `typical mistakes${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    describe('before the gap', () => {
      /** Builds the tiny project, after `err` has made the mistake. */
      const expectBuild = async (
        title: string,
        err: (
          tiny: Awaited<ReturnType<typeof makeTinyBundle>>,
        ) => Promise<CliOptions & { readonly name?: string; readonly more?: readonly string[] }>,
      ): Promise<void> => {
        const tiny = await makeTinyBundle();
        const { name = 'tiny', more = [], ...options } = await err(tiny);
        const result = await ksbundle(['build', name, '--quiet', ...tiny.build.slice(2), ...more], options);
        const command = ['ksbundle build', name, ...more];
        await expectMessage({
          title,
          command,
          result,
          places: { $PROJECT: tiny.directory, $DIR: path.dirname(tiny.directory) },
        });
      };

      it('programs are missing', () =>
        expectBuild('make is not installed', async ({ directory }) => {
          const bin = path.join(directory, 'bin');
          await mkdir(bin);
          await run(['sh', '-c', 'ln -s /usr/sbin/* /usr/bin/* "$0" 2>/dev/null; rm "$0/make"', bin]);
          return { environment: { PATH: bin } };
        }));

      it('a source has other bytes', () =>
        expectBuild('a source is not the pinned one', async ({ mirror }) => {
          await writeFile(path.join(mirror, 'note-1.0.0.tar.gz'), 'something else');
          return { more: ['--offline'] };
        }));

      it('a shared build cache is named without a key', () =>
        expectBuild('nothing proves what a shared build cache has', async ({ directory }) => ({
          more: ['--cache-from', path.join(directory, 'shared')],
        })));

      it('a shared build cache is signed with another key', () =>
        expectBuild('a shared build cache is signed with another key', async (tiny) => {
          const [ours = '', theirs = '', shared = '', cold = ''] = ['ours', 'theirs', 'shared', 'cold'].map(
            (name) => path.join(tiny.directory, name),
          );
          for (const parameters of [
            ['keygen', ours],
            ['keygen', theirs],
            tiny.build,
            ['cache', 'export', shared, ...tiny.options, '--sign', theirs],
          ])
            expect(await ksbundle(parameters)).toMatchObject({ exitCode: 0 });
          const records = path.join(shared, 'builds');
          for (const name of await readdir(records)) {
            const { payload } = JSON.parse(await readFile(path.join(records, name), 'utf8')) as {
              payload: string;
            };
            if (Buffer.from(payload, 'base64').includes('"pretender"')) await rm(path.join(records, name));
          }
          const taking = ['--cache-from', shared, '--cache-key', `${ours}.pub`, '--cache-only'];
          return { more: [...taking, '--cache', cold] };
        }));

      it('a bundle is misspelt', () =>
        expectBuild('the name of a bundle is misspelt', async () => ({ name: 'teeny' })));

      it('an option is misspelt', () =>
        expectBuild('an option is misspelt', async () => ({ more: ['--ofline'] })));

      it('a recipe has a typo', () =>
        expectBuild('a recipe has a typo', async ({ recipes }) => {
          const file = path.join(recipes, 'note/recipe.toml');
          await writeFile(file, (await readFile(file, 'utf8')).replace('version =', 'verson ='));
          return {};
        }));

      it('a lockfile is old', () =>
        expectBuild('the lockfile is older than the bundle', async ({ recipes }) => {
          const file = path.join(recipes, 'tiny/bundle.toml');
          await writeFile(
            file,
            (await readFile(file, 'utf8')).replace('[python]', '[python]\nrequirements = ["six"]'),
          );
          return {};
        }));

      it('the proxy refuses', () =>
        expectBuild('the proxy refuses', async ({ mirror }) => {
          const proxy = await startProxy(403);
          onTestFinished(() => proxy.close());
          await rm(mirror, { recursive: true });
          await mkdir(mirror);
          return { environment: { https_proxy: proxy.url } };
        }));
    });

    describe('on the way', () => {
      /** A small release, damaged or signed by `prepare`, which returns further parameters of `verify`. */
      const expectVerify = async (
        title: string,
        prepare: (directory: string, file: string) => Promise<readonly string[]>,
      ): Promise<void> => {
        const { directory, packed } = await packDemo();
        const more = await prepare(directory, packed.tarball);
        const result = await ksbundle(['verify', packed.tarball, ...more]);
        const command = ['ksbundle verify', packed.tarball, ...more];
        await expectMessage({ title, command, result, places: { $DIR: directory } });
      };
      const key = async (directory: string, name: string): Promise<string> => {
        const file = path.join(directory, name);
        await ksbundle(['keygen', file]);
        return file;
      };

      it('the tarball is cut off', () =>
        expectVerify('the tarball was not copied completely', async (_directory, file) => {
          await truncate(file, 700);
          return [];
        }));

      it('the tarball is something else', () =>
        expectVerify('the file is no release', async (_directory, file) => {
          await writeFile(file, '<html>404 Not Found</html>\n');
          return [];
        }));

      it('the tarball is not signed', () =>
        expectVerify('the tarball is not signed', async (directory) => [
          '--key',
          `${await key(directory, 'ours.key')}.pub`,
        ]));

      it('somebody else signed', () =>
        expectVerify('the tarball was signed by somebody else', async (directory, file) => {
          await ksbundle(['sign', file, '--key', await key(directory, 'theirs.key')]);
          return ['--key', `${await key(directory, 'ours.key')}.pub`];
        }));
    });

    describe('at the start of bootstrap.sh', () => {
      /** Runs bootstrap.sh of a small release, as packed with this interpreter, after `prepare` in its directory. */
      const expectStart = async (
        title: string,
        { python = '#!/bin/sh\n', prepare = '', parameters = [] }: Start,
      ): Promise<void> => {
        const directory = await temporaryDirectory();
        const release = path.join(directory, 'release');
        const around = `${SEAL}\n${prepare}\n"$@"`;
        const argv = ['./init/bootstrap.sh', ...parameters];
        await cp(path.join(ROOT, 'test/fixtures/golden'), release, {
          recursive: true,
          verbatimSymlinks: true,
        });
        await copyFile(path.join(ROOT, 'init/bootstrap.sh'), path.join(release, 'init/bootstrap.sh'));
        await writeFile(path.join(release, 'bin/python3'), python, { mode: 0o755 });
        const result = await run(['unshare', '--mount', 'sh', '-c', around, 'sh', ...argv], {
          directory: release,
        });
        const command = ['init/bootstrap.sh', ...parameters];
        await expectMessage({ title, command, result, places: { $RELEASE: release } });
      };

      it.each<[string, Start]>([
        ['a file of the release is damaged', { prepare: 'echo >>README' }],
        ['a file was added to the release', { prepare: 'echo >lib/mine.py' }],
        [
          'the file system is mounted noexec',
          { prepare: 'mount --bind . . && mount -o remount,bind,noexec . && cd "$PWD" && set -- sh "$@"' },
        ],
        [
          'the release is for another processor',
          { python: buildElf({ kind: 'executable', machine: AARCH64 }) },
        ],
        [
          'the host has no glibc',
          { python: buildElf({ kind: 'executable', interpreter: '/lib64/ld-none.so.2' }) },
        ],
        ['the host has an old glibc', { python: buildElf({ kind: 'executable', ...NEWER_GLIBC }) }],
        ['the release is not signed', { prepare: KEYS, parameters: ['--require-signature', '../ours.pub'] }],
        [
          'the release was signed by somebody else',
          {
            prepare: `${KEYS}\nopenssl dgst -sha256 -sign ../theirs.key -out SHA256SUMS.sig SHA256SUMS`,
            parameters: ['--require-signature', '../ours.pub'],
          },
        ],
      ])('%s', (title, plan) => expectStart(title, plan));
    });

    describe('behind the gap', () => {
      const release = releaseIn('present');
      let directory: string;
      let cell: Machine;
      beforeAll(async () => {
        directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-mistakes-'));
        await run(['tar', '-xzf', tarball(), '-C', directory]);
        await run(['mv', path.join(directory, releaseName()), path.join(directory, 'present')]);
        cell = await startCell({ releases: directory });
        await shell(cell, PREPARE);
      });
      afterAll(async () => {
        await cell.destroy();
        await removeTree(directory);
      });

      const expectRefused = async (
        title: string,
        parameters: readonly string[],
        wrapper: readonly string[] = [],
      ): Promise<void> => {
        const result = await perform(cell, { of: 'present', parameters }, wrapper);
        const command = ['init/bootstrap.sh', ...parameters];
        await expectMessage({ title, command, result, places: { $RELEASE: release } });
      };

      it.each([
        ['nothing is installed', ['status']],
        ['a command is misspelt', ['instal']],
        ['an option of bootstrap.sh is misspelt', ['--prot', '5000']],
        ['an answers file has a typo', ['install', '--answers', '/mnt/typo']],
        ['the address is mistyped', ['install', '--host', '192.168.1.300']],
        ['the address is not one of this host', ['install', '--port', '203.0.113.9:5000']],
        ['a program uses the port', ['install', '--port', '5900']],
        ['the disk is too full', ['install', '--instance', '/mnt/small/keystone']],
        ['the directory is read-only', ['install', '--instance', '/mnt/closed/keystone']],
        ['the account does not exist', ['install', '--user', 'keystoen']],
        [
          'the certificate has expired',
          ['install', '--tls-cert', '/mnt/old.pem', '--tls-key', '/mnt/old.key'],
        ],
      ] as const)('%s', (title, parameters) => expectRefused(title, parameters));

      it('an account without rights', () =>
        expectRefused('a user without rights installs', ['install'], NOBODY));
    });
  },
);

/** A small release, and what happens before its bootstrap.sh is run. */
interface Start {
  readonly python?: string | Buffer;
  readonly prepare?: string;
  readonly parameters?: readonly string[];
}

const AARCH64 = 183;
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const NEWER_GLIBC = {
  interpreter: '/lib64/ld-linux-x86-64.so.2',
  needed: ['libc.so.6'],
  requiredVersions: [{ library: 'libc.so.6', version: 'GLIBC_2.99' }],
} as const;

/** Writes the digest of the interpreter and of bootstrap.sh into the lists, as packing does. */
const SEAL = `set -e
for file in bin/python3 init/bootstrap.sh; do
  old=$(sed -n "s,  $file$,,p" SHA256SUMS)
  sed -i "\\,[^/]$file,s/$old/$(sha256sum <$file | cut -b -64)/" SHA256SUMS manifest.json
done
sed -i '/  manifest.json$/d' SHA256SUMS
sha256sum manifest.json >>SHA256SUMS
set +e`;

/** Makes two key pairs beside the release. */
const KEYS = `for name in ours theirs; do
  openssl ecparam -name prime256v1 -genkey -noout -out ../$name.key
  openssl pkey -in ../$name.key -pubout -out ../$name.pub
done`;

/** What the mistakes need: files, a full and a closed directory, and a program at a port. */
const PREPARE = `
set -e
cd /mnt
echo 'PROT=5000' >typo
mkdir small closed
mount -t tmpfs -o size=8m tmpfs small
mount -t tmpfs -o ro tmpfs closed
faketime '2020-01-01' openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout old.key -out old.pem -days 30 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null
python3 -m http.server 5900 >/dev/null 2>&1 </dev/null &`;
