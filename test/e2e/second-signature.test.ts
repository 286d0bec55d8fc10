import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readLeadingFiles, replaceLeadingFiles } from '../../src/io/archive.ts';
import { removeTree } from '../../src/io/files.ts';
import { run, type RunResult } from '../../src/io/process.ts';
import { releaseName, tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';
import { debianRoot } from './support/debian-root.ts';
import { documentedCommands } from './support/documented.ts';
import { startMachine, type Machine } from './support/machine.ts';
import { whyNoMachines } from './support/requirements.ts';
import { ADDRESS } from './support/site.ts';

const [fileCommand = ''] = await documentedCommands('Before it is unpacked');
const [checksumsCommand = '', listingCommand = ''] = await documentedCommands('Once it is unpacked');
const [secondFileCommand = '', secondChecksumsCommand = '', keysCommand = ''] =
  await documentedCommands('With ML-DSA');

const GAP = '/srv/gap';
const SECOND = 'Signature Verified Successfully';

const lacking = await whyNoMachines(['openssl']);

describe.skipIf(lacking !== undefined)(
  `a release that is signed twice, ECDSA and ML-DSA${lacking === undefined ? '' : ` (${lacking})`}`,
  () => {
    let machines: Record<'bullseye' | 'trixie', Machine>;
    let directory: string;
    /** With an `openssl` that knows ML-DSA first. */
    let environment: { readonly PATH: string };
    let signed: string;

    beforeAll(async () => {
      machines = {
        bullseye: await startMachine('bullseye', [ADDRESS], ['busybox-static', 'openssl']),
        trixie: await startMachine('trixie', [ADDRESS], ['openssl']),
      };
      directory = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-second-signature-'));
      environment = { PATH: `${await newOpenssl(path.join(directory, 'bin'))}:${process.env['PATH'] ?? ''}` };
      signed = inHere(path.basename(tarball()));
      for (const suffix of ['', '.intoto.json'])
        await copyFile(`${tarball()}${suffix}`, `${signed}${suffix}`);
      await ok(['keygen', inHere('release.key')]);
      const [generate = '', publish = '', sign = ''] = keysCommand.trim().split('\n');
      const made = await run(['sh', '-ec', `${generate}\n${publish}`], { directory, environment });
      if (made.exitCode !== 0) throw new Error(made.stderr);
      await ok(sign.split(' ').slice(1));
      for (const { root } of Object.values(machines)) {
        await mkdir(path.join(root, GAP), { recursive: true });
        const files = ['', '.sig', '.mldsa.sig'].map((suffix) => `${path.basename(signed)}${suffix}`);
        for (const name of [...files, 'release.key.pub', 'release.mldsa.pub'])
          await copyFile(inHere(name), path.join(root, GAP, name));
      }
      return async () => {
        for (const machine of Object.values(machines)) await machine.destroy();
        await removeTree(directory);
      };
    });
    afterEach(async () => {
      for (const machine of Object.values(machines))
        await machine.execute(['rm', '-rf', `${GAP}/${releaseName()}`]);
    });

    const inHere = (name: string): string => path.join(directory, name);
    const ksb = (parameters: readonly string[]): Promise<RunResult> =>
      ksbundle([...parameters, '--json'], { directory, environment });
    /** Output of a command; throws if it fails. */
    const ok = async (parameters: readonly string[]): Promise<unknown> => {
      const { exitCode, stdout, stderr } = await ksb(parameters);
      if (exitCode !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as unknown;
    };
    const codeOf = ({ stderr, stdout }: RunResult): unknown => /KSB_\w+/u.exec(`${stdout}${stderr}`)?.[0];
    const type = (on: keyof typeof machines, command: string): Promise<RunResult> =>
      machines[on].execute(['sh', '-c', `cd '${GAP}'\n${command}`]);
    const unpack = (on: keyof typeof machines): Promise<RunResult> =>
      type(on, `tar xzf ${releaseName()}.tar.gz`);
    const demand = (on: keyof typeof machines, key: string): Promise<RunResult> =>
      type(on, `./${releaseName()}/init/bootstrap.sh plan --host ${ADDRESS} --require-signature ${key}`);

    it('is verified on Debian 13 with its openssl, by either', async () => {
      expect(await type('trixie', fileCommand)).toMatchObject({ exitCode: 0, stdout: 'Verified OK' });
      expect(await type('trixie', secondFileCommand)).toMatchObject({ exitCode: 0, stdout: SECOND });
      expect(await unpack('trixie')).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await type('trixie', checksumsCommand)).toMatchObject({ stdout: 'Verified OK', stderr: '' });
      expect(await type('trixie', secondChecksumsCommand)).toMatchObject({ stdout: SECOND, stderr: '' });
      expect(await type('trixie', listingCommand)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
      for (const key of ['release.key.pub', 'release.mldsa.pub'])
        expect(await demand('trixie', key)).toMatchObject({ exitCode: 0 });
    });

    it('is verified on Debian 11 by the first, and refused by the second, with the reason', async () => {
      expect(await type('bullseye', fileCommand)).toMatchObject({ exitCode: 0, stdout: 'Verified OK' });
      expect((await type('bullseye', secondFileCommand)).exitCode).not.toBe(0);
      expect(await unpack('bullseye')).toMatchObject({ exitCode: 0, stderr: '' });
      expect(await type('bullseye', checksumsCommand)).toMatchObject({ stdout: 'Verified OK', stderr: '' });
      expect(await type('bullseye', listingCommand)).toMatchObject({ exitCode: 0, stdout: '', stderr: '' });
      expect(await demand('bullseye', 'release.key.pub')).toMatchObject({ exitCode: 0 });
      const refused = await demand('bullseye', 'release.mldsa.pub');
      expect(refused).toMatchObject({ exitCode: 3, stdout: '' });
      expect(refused.stderr).toContain("this host's openssl cannot verify ML-DSA");
      expect(refused.stderr).toMatch(/this is OpenSSL 1\.1\.1/u);
    });

    it('is verified by ksbundle with both keys, which also signed the provenance', async () => {
      const both = ['--key', 'release.key.pub', '--key', 'release.mldsa.pub'];
      const { keys } = (await ok(['verify', signed, ...both])) as { readonly keys: readonly string[] };
      expect(keys).toHaveLength(2);
      const envelope = JSON.parse(await readFile(`${signed}.intoto.jsonl`, 'utf8')) as {
        readonly signatures: readonly { readonly keyid: string }[];
      };
      expect(envelope.signatures.map(({ keyid }) => keyid)).toEqual(keys);
      const unsigned = await readFile(tarball());
      expect((await readFile(signed)).subarray(-unsigned.length).equals(unsigned)).toBe(true);
    });

    it('is refused if the second signature is altered, of another key, or missing', async () => {
      const [generate = '', publish = ''] = keysCommand
        .replaceAll('release.mldsa', 'other')
        .trim()
        .split('\n');
      await run(['sh', '-ec', `${generate}\n${publish}`], { directory, environment });
      expect(codeOf(await ksb(['verify', signed, '--key', 'other.pub']))).toBe('KSB_SIGNATURE_INVALID');

      const altered = inHere(`altered/${path.basename(signed)}`);
      await mkdir(path.dirname(altered));
      await copyFile(signed, altered);
      const [first, second] = await readLeadingFiles(signed);
      if (first === undefined || second === undefined) throw new Error('it is not signed twice');
      const content = Buffer.from(second.content);
      content[1000] = (content[1000] ?? 0) ^ 1;
      await replaceLeadingFiles(altered, [first, { ...second, content }]);
      expect(codeOf(await ksb(['verify', altered, '--key', 'release.mldsa.pub']))).toBe(
        'KSB_SIGNATURE_INVALID',
      );
      expect(await ksb(['verify', altered, '--key', 'release.key.pub'])).toMatchObject({ exitCode: 0 });
      for (const order of [
        [second, first],
        [first, second, second],
        [first, first],
      ]) {
        await replaceLeadingFiles(altered, order);
        expect(codeOf(await ksb(['verify', altered]))).toBe('KSB_VERIFY_FAILED');
      }
      await replaceLeadingFiles(altered, [first]);
      expect(codeOf(await ksb(['verify', altered, '--key', 'release.mldsa.pub']))).toBe('KSB_UNSIGNED');

      await unpack('trixie');
      const unpacked = path.join(machines.trixie.root, GAP, releaseName(), 'SHA256SUMS.mldsa.sig');
      await writeFile(unpacked, content);
      const refused = await demand('trixie', 'release.mldsa.pub');
      expect(refused).toMatchObject({ exitCode: 4, stdout: '' });
      expect(refused.stderr).toContain('not signed with this key');
      await rm(unpacked);
      expect((await demand('trixie', 'release.mldsa.pub')).stderr).toContain('not signed with ML-DSA');
    });

    it('is refused if the signature beside it is for another file', async () => {
      await copyFile(`${signed}.mldsa.sig`, inHere('kept'));
      await writeFile(`${signed}.mldsa.sig`, (await readLeadingFiles(signed))[1]?.content ?? '');
      expect(codeOf(await ksb(['verify', signed, '--key', 'release.mldsa.pub']))).toBe(
        'KSB_SIGNATURE_INVALID',
      );
      await copyFile(inHere('kept'), `${signed}.mldsa.sig`);
    });

    it('may be signed with an encrypted key, and needs its passphrase', async () => {
      await writeFile(inHere('secret'), 'a secret\n', { mode: 0o600 });
      await writeFile(inHere('wrong'), 'another\n', { mode: 0o600 });
      const encrypt =
        'openssl pkey -in release.mldsa.key -aes-256-cbc -passout file:secret -out encrypted.key';
      await run(['sh', '-ec', `umask 077; ${encrypt}`], { directory, environment });
      const copy = inHere('copy.tar.gz');
      await copyFile(tarball(), copy);
      const sign = ['sign', copy, '--key', 'encrypted.key'];
      expect(codeOf(await ksb([...sign, '--passphrase-file', 'wrong']))).toBe('KSB_KEY_INVALID');
      await ok([...sign, '--passphrase-file', 'secret']);
      await ok(['verify', copy, '--key', 'release.mldsa.pub']);
      expect(codeOf(await ksb(['verify', copy, '--key', 'release.key.pub']))).toBe('KSB_UNSIGNED');
    });
  },
);

/** Makes a directory with Debian 13's openssl, for hosts without it. */
async function newOpenssl(directory: string): Promise<string> {
  const root = await debianRoot('trixie', ['openssl']);
  const loader = `${root}/lib64/ld-linux-x86-64.so.2 --library-path ${root}/lib/x86_64-linux-gnu`;
  await mkdir(directory);
  const program = path.join(directory, 'openssl');
  await writeFile(program, `#!/bin/sh\nexec ${loader} ${root}/usr/bin/openssl "$@"\n`);
  await chmod(program, 0o755);
  return directory;
}
