import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashFile, hashBytes, removeTree } from '../../src/io/files.ts';
import { run, type RunResult } from '../../src/io/process.ts';
import {
  closeTarball,
  contentOf,
  directoryPiece,
  filePiece,
  leadingMember,
  linkPiece,
  openTarball,
  type Opened,
  type Piece,
} from './support/altered-tarball.ts';
import { releaseName, tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';
import { documentedCommands } from './support/documented.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { exhaustive, whyNoMachines } from './support/requirements.ts';
import { REDIS } from './support/tested-bundle.ts';

/** The documented commands for a release of this name. */
async function commandsFor(release: string) {
  const typed = (heading: string): Promise<string[]> => documentedCommands(heading, release);
  const [fingerprint = ''] = await typed('What travels');
  const [file = ''] = await typed('Before it is unpacked');
  const [checksums = '', listing = '', rights = ''] = await typed('Once it is unpacked');
  const [digest = '', releaseId = ''] = await typed('On a host with busybox alone');
  return { fingerprint, file, checksums, listing, rights, digest, releaseId };
}

/** The tarball's directory in the machine. */
const GAP = '/srv/gäp';
/** Contains only the machine's busybox, by the names of all its applets. */
const BUSYBOX = '/usr/local/busybox';

/** Effect on the release if it is unpacked anyway. */
type Unpacked =
  /** Nothing: the change has no effect. */
  | 'sound'
  /** The signature does not fit the checksums, or these the files. */
  | 'other bytes'
  /** Files, modes and links are not those of the manifest. */
  | 'other files'
  /** tar refuses it. */
  | 'damaged';

interface Alteration {
  readonly what: string;
  readonly alter: (bytes: Buffer, opened: Opened) => Buffer | Promise<Buffer>;
  /** Absent if it would not be unpacked. */
  readonly unpacked?: Unpacked;
}

function flipped(bytes: Buffer, offset: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[offset] = (copy[offset] ?? 0) ^ 1;
  return copy;
}

/** The tarball with pieces that replace those of the same path. */
function replacing(opened: Opened, ...replacements: readonly Piece[]): Promise<Buffer> {
  const byPath = new Map(replacements.map((piece) => [piece.path, piece]));
  return closeTarball({ ...opened, pieces: opened.pieces.map((piece) => byPath.get(piece.path) ?? piece) });
}

/** A consistent release with another description. */
function withOtherManifest(opened: Opened): Promise<Buffer> {
  const manifest = contentOf(opened, 'manifest.json');
  const other = Buffer.from(manifest.toString().replace(/"license": "[^"]*"/u, '"license": "0BSD"'));
  if (other.equals(manifest)) throw new Error('the manifest tells no licence');
  const checksums = contentOf(opened, 'SHA256SUMS').toString();
  const fitting = checksums.replace(hashBytes(manifest), hashBytes(other));
  const file = (name: string, content: Buffer): Piece => filePiece(opened.release, name, { content });
  return replacing(opened, file('manifest.json', other), file('SHA256SUMS', Buffer.from(fitting)));
}

const ALTERATIONS: readonly Alteration[] = [
  {
    what: 'another header',
    alter: (bytes, { leading }) => flipped(bytes, leading.length + 4),
  },
  { what: 'another payload', alter: (bytes) => flipped(bytes, bytes.length >> 1), unpacked: 'damaged' },
  { what: 'another trailer', alter: (bytes) => flipped(bytes, bytes.length - 5) },
  {
    what: 'a byte after its end',
    alter: (bytes) => Buffer.concat([bytes, Buffer.from([0])]),
  },
  {
    what: 'another order',
    alter: (_, opened) => {
      const [last, ...others] = opened.pieces.toReversed();
      const [beforeLast, ...first] = others;
      if (last === undefined || beforeLast === undefined) throw new Error('the tarball is empty');
      return closeTarball({ ...opened, pieces: [...first.toReversed(), last, beforeLast] });
    },
    unpacked: 'sound',
  },
  {
    what: 'another manifest, and checksums that fit it',
    alter: (_, opened) => withOtherManifest(opened),
    unpacked: 'other bytes',
  },
  {
    what: 'another signature',
    alter: (bytes, { release, signature, leading }) =>
      Buffer.concat([leadingMember(release, flipped(signature, 40)), bytes.subarray(leading.length)]),
    unpacked: 'other bytes',
  },
  {
    what: 'a file more',
    alter: (_, opened) => {
      const extra = filePiece(opened.release, 'READMF', { content: Buffer.from('evil\n') });
      const pieces = opened.pieces.flatMap((piece) => (piece.path === 'README' ? [piece, extra] : [piece]));
      return closeTarball({ ...opened, pieces });
    },
    unpacked: 'other files',
  },
  {
    what: 'two files more, whose names hide each other in a list of lines',
    alter: (_, opened) => {
      const content = Buffer.from('import os; os.mkdir("/ran")\n');
      const names = ['init/x\naaevil.pth', 'init/x\nbbevil.pth'];
      const extra = names.map((name) => filePiece(opened.release, name, { content }));
      const pieces = opened.pieces.flatMap((piece) => (piece.path === 'lib' ? [...extra, piece] : [piece]));
      return closeTarball({ ...opened, pieces });
    },
    unpacked: 'other files',
  },
  {
    what: 'a directory that anybody may write',
    alter: (_, opened) => replacing(opened, directoryPiece(opened.release, 'init/installer', 0o777)),
    unpacked: 'other files',
  },
  {
    what: 'a directory that its group may write',
    alter: (_, opened) => replacing(opened, directoryPiece(opened.release, 'bin', 0o775)),
    unpacked: 'other files',
  },
  {
    what: 'another mode',
    alter: (_, opened) => {
      const program = opened.pieces.find(({ path: name }) =>
        /^bin\/(?:httpd|redis-server)$/.test(name),
      )?.path;
      if (program === undefined) throw new Error('the release has no program of these');
      const content = contentOf(opened, program);
      return replacing(opened, filePiece(opened.release, program, { content, mode: 0o4755 }));
    },
    unpacked: 'other files',
  },
  {
    what: 'another target of a link',
    alter: (_, opened) => replacing(opened, linkPiece(opened.release, 'bin/python3', '/bin/true')),
    unpacked: 'other files',
  },
];

const lacking = await whyNoMachines(['faketime', 'openssl']);

interface Subject {
  readonly name: string;
  readonly tarball: () => Promise<string>;
  /** Whether to try every alteration, or one for each detecting program. */
  readonly whole: boolean;
}

/** A small release is read in a third of the time. `npm run test:exhaustive` tries all with both. */
const RELEASES: readonly Subject[] = [
  { name: 'keystone', tarball: async () => tarball(), whole: exhaustive },
  { name: 'redis', tarball: async () => (await REDIS.tarballs()).present, whole: true },
];
const ONE_OF_EACH: ReadonlySet<string> = new Set(['another payload', 'another signature', 'a file more']);

describe.skipIf(lacking !== undefined).each(RELEASES)(
  `a signed release of $name on Debian 11${lacking === undefined ? '' : ` (${lacking})`}`,
  (subject) => {
    let original: string;
    let name: string;
    let typed: Awaited<ReturnType<typeof commandsFor>>;
    let machine: Machine;
    let directory: string;
    let signed: string;
    let key: string;
    let fingerprint: string;
    let releaseId: string;
    let opened: Opened;

    beforeAll(async () => {
      machine = await startMachine('bullseye', [], ['busybox-static', 'openssl']);
      directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-verification-'));
      key = path.join(directory, 'release.key');
      original = await subject.tarball();
      name = releaseName(original);
      typed = await commandsFor(name);
      signed = path.join(directory, path.basename(original));
      await copyFile(original, signed);
      ({ key: fingerprint } = await succeed<{ key: string }>(['keygen', key]));
      await succeed(['sign', signed, '--key', key]);
      const verified = await succeed<{ releaseId: string }>(['verify', signed, '--key', `${key}.pub`]);
      releaseId = verified.releaseId;
      opened = await openTarball(signed);
      await mkdir(path.join(machine.root, GAP), { recursive: true });
      await mkdir(path.join(machine.root, BUSYBOX), { recursive: true });
      const applets = await machine.execute(['busybox', '--install', '-s', BUSYBOX]);
      if (applets.exitCode !== 0) throw new Error(applets.stderr);
      return async () => {
        await machine.destroy();
        await removeTree(directory);
      };
    });
    beforeEach(() => arrive(signed));
    afterEach(() => machine.execute(['rm', '-rf', `${GAP}/${name}`]));

    const inGap = (file: string): string => path.join(machine.root, GAP, file);
    /** Copies a tarball into the machine, with signature and key. */
    const arrive = async (file: string): Promise<void> => {
      await copyFile(file, inGap(path.basename(signed)));
      await copyFile(`${signed}.sig`, inGap(`${path.basename(signed)}.sig`));
      await copyFile(`${key}.pub`, inGap('release.key.pub'));
    };
    /** Runs a documented command with Debian's programs or only busybox. */
    const type = (command: string, programs?: typeof BUSYBOX): Promise<RunResult> => {
      const shell = programs === undefined ? ['sh'] : ['busybox', 'sh'];
      return machine.execute([...shell, '-c', `cd '${GAP}'\n${command}`], {
        environment: programs === undefined ? {} : { PATH: programs },
      });
    };
    const unpack = (programs?: typeof BUSYBOX): Promise<RunResult> =>
      type(`tar xzf ${name}.tar.gz`, programs);
    const demand = (file = 'release.key.pub'): Promise<RunResult> =>
      type(`./${name}/init/bootstrap.sh plan --require-signature ${file}`);
    /**
     * Result of ksbundle's verification without the signature beside the tarball, which alone would reveal the change.
     */
    const verify = async (file: string, publicKey = `${key}.pub`): Promise<RunResult> =>
      ksbundle(['verify', file, '--key', publicKey, '--json']);

    it('is verified with openssl: the key, the tarball, and every file, mode and link once unpacked', async () => {
      expect((await type(typed.fingerprint)).stdout).toBe(`${fingerprint}  -`);
      expect(await type(typed.file)).toMatchObject({ exitCode: 0, stdout: 'Verified OK' });
      expect(await unpack()).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await type(typed.checksums)).toMatchObject({ stdout: 'Verified OK', stderr: '' });
      expect(await type(typed.listing)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
      expect(await type(typed.rights)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
      expect(await demand()).toMatchObject({ exitCode: 0 });
    });

    it('is verified with only busybox, by a digest from another route', async () => {
      expect((await type('command -v openssl python3 perl', BUSYBOX)).stdout).toBe('');
      const digest = await hashFile(signed);
      expect((await type(typed.digest, BUSYBOX)).stdout).toBe(`${digest}  ${path.basename(signed)}`);
      expect(await unpack(BUSYBOX)).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await type(typed.releaseId, BUSYBOX)).toMatchObject({
        stdout: `${releaseId}  SHA256SUMS`,
        stderr: '',
      });
      expect(await type(typed.listing, BUSYBOX)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
      expect(await type(typed.rights, BUSYBOX)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
    });

    const tried = ALTERATIONS.filter(({ what }) => subject.whole || ONE_OF_EACH.has(what));
    it.each(tried)('is refused for $what', async ({ alter, unpacked }) => {
      const altered = path.join(directory, 'altered', path.basename(signed));
      await mkdir(path.dirname(altered), { recursive: true });
      await writeFile(altered, await alter(await readFile(signed), opened));
      await arrive(altered);
      expect(await verify(altered)).toMatchObject({ exitCode: 4 });
      expect(await type(typed.file)).toMatchObject({ exitCode: 1, stdout: 'Verification Failure' });
      expect((await type(typed.digest, BUSYBOX)).stdout).not.toContain(await hashFile(signed));
      if (unpacked === undefined) return;

      const unpacking = await unpack();
      if (unpacked === 'damaged') {
        expect(unpacking.exitCode).not.toBe(0);
        return;
      }
      const checksums = await type(typed.checksums);
      const listing = await type(typed.listing);
      const isProven = checksums.stdout === 'Verified OK' && checksums.stderr === '';
      expect({ isProven, isListed: listing.stdout === '' }).toEqual({
        isProven: unpacked !== 'other bytes',
        isListed: unpacked !== 'other files',
      });
      expect(await demand()).toMatchObject({ exitCode: unpacked === 'sound' ? 0 : 4 });
      expect(await type('ls -d /ran')).not.toMatchObject({ exitCode: 0 });
    });

    if (!subject.whole) return;

    it.each([
      ['a directory in it belongs to another user', 'chown 1000 "$release/lib"', './lib'],
      ['a file in it is open to a group', 'chmod 664 "$release/README"', './README'],
      ['it lies where anybody may exchange it', 'chmod 777 .', GAP],
    ])('is not run by root if %s, with Debian or busybox', async (_, change, named) => {
      await unpack();
      expect(await type(`release=${name}; ${change}`)).toMatchObject({ exitCode: 0 });
      for (const programs of [undefined, BUSYBOX] as const) {
        expect(await type(typed.rights, programs)).toMatchObject({ stdout: named });
        for (const command of ['plan', 'status', '--help']) {
          const refused = await type(`./${name}/init/bootstrap.sh ${command}`, programs);
          expect(refused).toMatchObject({ exitCode: 4, stdout: '' });
          expect(refused.stderr).toContain('and root would run it');
        }
      }
      await type('chmod 755 .');
    });

    it('is refused with another key, and without a signature', async () => {
      const other = path.join(directory, 'other.key');
      await succeed(['keygen', other]);
      await unpack();
      const trusted = inGap('release.key.pub');
      await copyFile(`${other}.pub`, trusted);
      expect((await type(typed.file)).exitCode).not.toBe(0);
      expect((await type(typed.checksums)).stdout).not.toContain('OK');
      expect(await demand()).toMatchObject({ exitCode: 4, stdout: '' });
      expect(await verify(signed, `${other}.pub`)).toMatchObject({ exitCode: 4 });
      await rm(trusted);
      expect((await type(typed.file)).exitCode).not.toBe(0);
      expect((await type(typed.checksums)).stdout).not.toContain('OK');
      expect(await demand()).toMatchObject({ exitCode: 2, stdout: '' });
      expect(await verify(signed, trusted)).toMatchObject({ exitCode: 2 });
      await copyFile(`${key}.pub`, trusted);
    });

    it('is verified with a certificate, and refused once that has expired', async () => {
      await unpack();
      const issue = ['openssl', 'req', '-x509', '-new', '-key', key, '-subj', '/CN=releases', '-days', '2'];
      const certificate = inGap('release.crt');
      await run([...issue, '-out', certificate]);
      expect(await demand('release.crt')).toMatchObject({ exitCode: 0 });
      expect(await verify(signed, certificate)).toMatchObject({ exitCode: 0 });
      await run(['faketime', '-3 days', ...issue, '-out', certificate]);
      expect(await demand('release.crt')).toMatchObject({ exitCode: 4, stdout: '' });
      expect(await verify(signed, certificate)).toMatchObject({ exitCode: 4 });
    });

    it('is verified by a key on P-384 only with SHA-384 in the commands', async () => {
      const strong = path.join(directory, 'p-384', 'release.key');
      const copy = path.join(directory, 'p-384', path.basename(signed));
      await mkdir(path.dirname(strong));
      await copyFile(original, copy);
      await succeed(['keygen', strong, '--curve', 'p-384']);
      await succeed(['sign', copy, '--key', strong]);
      for (const suffix of ['', '.sig'])
        await copyFile(`${copy}${suffix}`, inGap(`${path.basename(copy)}${suffix}`));
      await copyFile(`${strong}.pub`, inGap('release.key.pub'));
      const bySha384 = (command: string): string => command.replace('-sha256', '-sha384');
      expect(await type(bySha384(typed.file))).toMatchObject({ exitCode: 0, stdout: 'Verified OK' });
      expect(await unpack()).toMatchObject({ exitCode: 0, stderr: '' });
      expect((await type(bySha384(typed.checksums))).stdout).toBe('Verified OK');
      expect(await demand()).toMatchObject({ exitCode: 0 });
      expect(await verify(copy, `${strong}.pub`)).toMatchObject({ exitCode: 0 });
      expect((await type(typed.file)).exitCode).not.toBe(0);
    });

    it('is refused if openssl is missing', async () => {
      const program = path.join(machine.root, 'usr/bin/openssl');
      await unpack();
      await rename(program, `${program}.away`);
      const refused = await demand();
      await rename(`${program}.away`, program);
      expect(refused).toMatchObject({ exitCode: 3, stdout: '' });
      expect(refused.stderr).toContain('the program openssl is missing');
    });
  },
);

/** Output of a command of ksbundle; throws if it fails. */
async function succeed<T>(parameters: readonly string[]): Promise<T> {
  const result = await ksbundle([...parameters, '--json']);
  if (result.exitCode !== 0) throw new Error(result.stderr);
  return JSON.parse(result.stdout) as T;
}
