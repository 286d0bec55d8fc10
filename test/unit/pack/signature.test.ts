import { generateKeyPairSync } from 'node:crypto';
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { packTree, readLeadingFiles, replaceLeadingFiles, unpackArchive } from '../../../src/io/archive.ts';
import { hashFile } from '../../../src/io/files.ts';
import { run } from '../../../src/io/process.ts';
import { identifyTarball } from '../../../src/pack/inspect.ts';
import {
  generateKeys,
  readSigningKey,
  readVerifyingKey,
  type PrivateKeyFile,
} from '../../../src/pack/keys.ts';
import { packRelease } from '../../../src/pack/pack-release.ts';
import { verifyTarball } from '../../../src/pack/verify.ts';
import { signFile, verifyFile } from '../../../src/pipeline/sign.ts';
import { temporaryDirectory } from '../../support/archives.ts';
import { factsOf } from '../../support/errors.ts';
import { NAME, packDemo, type PackedDemo } from '../../support/packed-release.ts';

/** Node can read these keys, so the tests do not need the host's OpenSSL. */
const noOpenssl = async (): Promise<string> => Promise.reject(new Error('no program is wanted'));
const signingKey = (key: PrivateKeyFile) => readSigningKey(key, noOpenssl);
const verifyingKey = (file: string) => readVerifyingKey(file, noOpenssl);

interface Signed extends PackedDemo {
  readonly key: string;
  readonly tarball: string;
  /** The tarball before it was signed. */
  readonly payload: Buffer;
}

async function signDemo(): Promise<Signed> {
  const packing = await packDemo();
  const { tarball } = packing.packed;
  const payload = await readFile(tarball);
  const key = path.join(packing.directory, 'release.key');
  await generateKeys({ file: key });
  await signFile(tarball, { files: [key] });
  return { ...packing, key, tarball, payload };
}

async function openssl(directory: string, ...parameters: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(['openssl', ...parameters], { directory });
  return `${stdout}${stderr}`;
}

describe('a signed tarball', () => {
  it('is verified by openssl and sha256sum alone, packed and unpacked', async () => {
    const { directory, tarball, key } = await signDemo();
    const check = ['dgst', '-sha256', '-verify', `${key}.pub`, '-signature'];
    expect(await openssl(directory, ...check, `${tarball}.sig`, tarball)).toBe('Verified OK');

    for (const tar of [['tar'], ['busybox', 'tar']]) {
      const target = await temporaryDirectory();
      expect(await run([...tar, 'xzf', tarball, '-C', target])).toMatchObject({ exitCode: 0, stderr: '' });
      const release = path.join(target, NAME);
      expect(await openssl(release, ...check, 'SHA256SUMS.sig', 'SHA256SUMS')).toBe('Verified OK');
      expect((await run(['sha256sum', '-c', 'SHA256SUMS'], { directory: release })).exitCode).toBe(0);
    }
  });

  it('by a key on P-384 is signed over SHA-384, the whole file and its provenance too', async () => {
    const { directory, packed } = await packDemo();
    const { tarball } = packed;
    const key = path.join(directory, 'release.key');
    await generateKeys({ file: key, curve: 'p-384' });
    await signFile(tarball, { files: [key] });
    const check = ['dgst', '-sha384', '-verify', `${key}.pub`, '-signature'];
    expect(await openssl(directory, ...check, `${tarball}.sig`, tarball)).toBe('Verified OK');
    const target = await temporaryDirectory();
    await run(['tar', 'xzf', tarball, '-C', target]);
    expect(await openssl(path.join(target, NAME), ...check, 'SHA256SUMS.sig', 'SHA256SUMS')).toBe(
      'Verified OK',
    );
    expect(await verifyFile(tarball, { keys: [`${key}.pub`] })).toMatchObject({ signature: 'valid' });
    expect(await openssl(directory, 'pkey', '-in', key, '-noout', '-text')).toContain('secp384r1');

    const other = path.join(directory, 'other.key');
    await generateKeys({ file: other });
    expect(await factsOf(verifyFile(tarball, { keys: [`${other}.pub`] }))).toMatchObject({
      code: 'KSB_SIGNATURE_INVALID',
    });
  });

  it('ends with the unsigned one, byte for byte, however often it is signed', async () => {
    const { directory, tarball, payload, key } = await signDemo();
    const first = await readFile(tarball);
    expect(first.subarray(-payload.length).equals(payload)).toBe(true);
    const other = path.join(directory, 'other.key');
    await generateKeys({ file: other });
    const result = await signFile(tarball, { files: [other] });
    const second = await readFile(tarball);
    expect(second.subarray(-payload.length).equals(payload)).toBe(true);
    expect(result).toMatchObject({
      file: tarball,
      keys: [(await signingKey({ file: other })).id],
    });
    expect(await verifyFile(tarball, { keys: [`${other}.pub`] })).toMatchObject({ signature: 'valid' });
    expect(await factsOf(verifyFile(tarball, { keys: [`${key}.pub`] }))).toMatchObject({
      code: 'KSB_SIGNATURE_INVALID',
      exitCode: 4,
    });
  });

  it('has the release id of the unsigned one', async () => {
    const { tarball, key, payload, directory } = await signDemo();
    const unsigned = path.join(directory, 'unsigned.tar.gz');
    await writeFile(unsigned, payload);
    const { releaseId } = await verifyTarball(unsigned);
    expect(await identifyTarball(tarball)).toEqual({
      tarball: await hashFile(tarball),
      unsigned: await hashFile(unsigned),
      releaseId,
      signature: 'unchecked',
    });
    expect(await verifyTarball(tarball)).toMatchObject({
      releaseId,
      signature: 'unchecked',
      filesChecked: 8,
    });
    const { id } = await verifyingKey(`${key}.pub`);
    expect(await verifyFile(tarball, { keys: [`${key}.pub`] })).toMatchObject({
      releaseId,
      signature: 'valid',
      keys: [id],
    });
  });

  it('is refused if a key is given and there is no signature', async () => {
    const { tarball, key, payload } = await signDemo();
    await writeFile(tarball, payload);
    expect(await factsOf(verifyFile(tarball, { keys: [`${key}.pub`] }))).toMatchObject({
      code: 'KSB_UNSIGNED',
      exitCode: 4,
    });
  });

  it('is not made from a damaged tarball', async () => {
    const { tarball, key, release } = await signDemo();
    await writeFile(path.join(release, 'README'), 'other\n');
    await packTree(release, tarball, { prefix: NAME, gzip: 6 });
    const before = await readFile(tarball);
    expect(await factsOf(signFile(tarball, { files: [key] }))).toMatchObject({
      code: 'KSB_VERIFY_FAILED',
    });
    expect((await readFile(tarball)).equals(before)).toBe(true);
  });
});

describe('an altered tarball', () => {
  /** The result of verifying after `alter`, which gets the bytes of the signed tarball. */
  async function refusal(
    alter: (bytes: Buffer, signed: Signed) => Buffer | Promise<Buffer>,
  ): Promise<{ readonly code: string; readonly exitCode: number }> {
    const signed = await signDemo();
    const altered = await alter(await readFile(signed.tarball), signed);
    await writeFile(signed.tarball, altered);
    await rm(`${signed.tarball}.sig`);
    const { code, exitCode } = await factsOf(verifyFile(signed.tarball, { keys: [`${signed.key}.pub`] }));
    return { code, exitCode };
  }

  /** An attacker packs another complete release, and puts the signature of the first at its head. */
  const forged = (change: (release: string) => Promise<unknown>) => async (_: Buffer, signed: Signed) => {
    const leading = await readLeadingFiles(signed.tarball);
    expect(leading).toHaveLength(1);
    await change(signed.release);
    const { tarball } = await packRelease({ ...signed.options, directory: signed.release });
    await replaceLeadingFiles(tarball, leading);
    return readFile(tarball);
  };
  /** The same with manifest and checksums of the first. */
  const patched = (change: (release: string) => Promise<unknown>) => async (_: Buffer, signed: Signed) => {
    const leading = await readLeadingFiles(signed.tarball);
    expect(leading).toHaveLength(1);
    await change(signed.release);
    await packTree(signed.release, signed.tarball, { prefix: NAME, gzip: 6 });
    await replaceLeadingFiles(signed.tarball, leading);
    return readFile(signed.tarball);
  };
  const inFile =
    (name: string, text: string) =>
    (release: string): Promise<void> =>
      writeFile(path.join(release, name), text);
  const swapLink = (release: string): Promise<unknown> =>
    run(['ln', '-sfn', '../README', path.join(release, 'bin/python')]);
  const makeExecutable = (release: string): Promise<void> => chmod(path.join(release, 'lib/app.py'), 0o755);

  it.each([
    ['a changed file', forged(inFile('lib/app.py', 'evil\n'))],
    ['a changed mode', forged(makeExecutable)],
    ['a swapped link', forged(swapLink)],
    ['a missing file', forged((release) => rm(path.join(release, 'lib/a b é.txt')))],
  ])('is refused with %s, though whole in itself', async (_, alter) => {
    expect(await refusal(alter)).toEqual({ code: 'KSB_SIGNATURE_INVALID', exitCode: 4 });
  });

  it.each([
    ['a changed file', patched(inFile('lib/app.py', 'evil\n'))],
    ['a changed mode', patched(makeExecutable)],
    ['a swapped link', patched(swapLink)],
    ['an extra file', patched(inFile('lib/extra.pth', 'evil\n'))],
    [
      'another manifest',
      patched((release) => run(['sed', '-i', 's/MIT/GPL/', path.join(release, 'manifest.json')])),
    ],
    ['a second signature', patched(inFile('SHA256SUMS.sig', 'evil'))],
  ])('is refused with %s', async (_, alter) => {
    expect(await refusal(alter)).toEqual({ code: 'KSB_VERIFY_FAILED', exitCode: 4 });
  });

  it.each([
    ['a byte after its end', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('x')])],
    ['a member after its end', (bytes: Buffer) => Buffer.concat([bytes, gzipSync('')])],
    ['a cut end', (bytes: Buffer) => bytes.subarray(0, -8)],
    [
      'its signature twice',
      (bytes: Buffer, { payload }: Signed) => Buffer.concat([bytes.subarray(0, -payload.length), bytes]),
    ],
    [
      'its signature at the end',
      (bytes: Buffer, { payload }: Signed) => Buffer.concat([payload, bytes.subarray(0, -payload.length)]),
    ],
    ['its payload twice', (bytes: Buffer, { payload }: Signed) => Buffer.concat([bytes, payload])],
    ['nothing but its signature', (bytes: Buffer, { payload }: Signed) => bytes.subarray(0, -payload.length)],
  ])('is refused with %s', async (_, alter) => {
    expect((await refusal(alter)).exitCode).toBe(4);
  });

  it(
    'is refused with any single byte of the signature, its header or its trailer changed',
    { timeout: 180_000 },
    async () => {
      const { tarball, key, payload } = await signDemo();
      await rm(`${tarball}.sig`);
      const bytes = await readFile(tarball);
      for (let offset = 0; offset < bytes.length - payload.length; offset += 1) {
        const altered = Buffer.from(bytes);
        altered[offset] = (altered[offset] ?? 0) ^ 1;
        await writeFile(tarball, altered);
        const { exitCode } = await factsOf(verifyFile(tarball, { keys: [`${key}.pub`] }));
        expect(exitCode, `byte ${offset}`).toBe(4);
      }
    },
  );

  it('is refused if the signature beside it is for another file', async () => {
    const { tarball, key } = await signDemo();
    const other = await signDemo();
    await writeFile(`${tarball}.sig`, await readFile(`${other.tarball}.sig`));
    expect(await factsOf(verifyFile(tarball, { keys: [`${key}.pub`] }))).toMatchObject({
      code: 'KSB_SIGNATURE_INVALID',
      message: expect.stringContaining('.tar.gz.sig') as unknown,
    });
  });
});

describe('provenance', () => {
  const envelopeOf = async ({ tarball }: Signed) =>
    JSON.parse(await readFile(`${tarball}.intoto.jsonl`, 'utf8')) as {
      readonly payload: string;
      readonly payloadType: string;
      readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
    };

  it('is signed with the tarball, for anybody with openssl to verify', async () => {
    const signed = await signDemo();
    const { payload, payloadType, signatures } = await envelopeOf(signed);
    const bytes = Buffer.from(payload, 'base64');
    const statement = JSON.parse(bytes.toString()) as { readonly subject: readonly object[] };
    const { releaseId } = await verifyFile(signed.tarball, { keys: [`${signed.key}.pub`] });
    expect(statement.subject).toMatchObject([
      { name: `${NAME}.tar.gz`, digest: { sha256: signed.packed.sha256 } },
      { name: `${NAME}.tar` },
      { name: `${NAME}/SHA256SUMS`, digest: { sha256: releaseId } },
      { name: `signed/${NAME}.tar.gz`, digest: { sha256: await hashFile(signed.tarball) } },
    ]);
    const { directory, key } = signed;
    const pae = `DSSEv1 ${payloadType.length} ${payloadType} ${bytes.length} `;
    await writeFile(path.join(directory, 'pae'), Buffer.concat([Buffer.from(pae), bytes]));
    await writeFile(path.join(directory, 'pae.sig'), Buffer.from(signatures[0]?.sig ?? '', 'base64'));
    const check = ['dgst', '-sha256', '-verify', `${key}.pub`, '-signature', 'pae.sig', 'pae'];
    expect(await openssl(directory, ...check)).toBe('Verified OK');
  });

  it('is refused if it was altered, or is for another release', async () => {
    const signed = await signDemo();
    const envelope = await envelopeOf(signed);
    const file = `${signed.tarball}.intoto.jsonl`;
    const statement = Buffer.from(envelope.payload, 'base64').toString().replace('"4.3"', '"4.4"');
    await writeFile(
      file,
      JSON.stringify({ ...envelope, payload: Buffer.from(statement).toString('base64') }),
    );
    const refused = { code: 'KSB_SIGNATURE_INVALID', exitCode: 4 };
    expect(await factsOf(verifyFile(signed.tarball, { keys: [`${signed.key}.pub`] }))).toMatchObject(refused);
    await writeFile(file, 'nothing');
    expect(await factsOf(verifyFile(signed.tarball, { keys: [`${signed.key}.pub`] }))).toMatchObject(refused);
    const plain = `${signed.tarball}.intoto.json`;
    await writeFile(
      plain,
      (await readFile(plain, 'utf8')).replaceAll(/"[0-9a-f]{64}"/g, `"${'0'.repeat(64)}"`),
    );
    expect(await factsOf(signFile(signed.tarball, { files: [signed.key] }))).toMatchObject({
      code: 'KSB_PROVENANCE_INVALID',
      exitCode: 4,
    });
  });
});

describe('keys', () => {
  it('are readable only by their owner and never overwritten', async () => {
    const file = path.join(await temporaryDirectory(), 'a.key');
    const { key } = await generateKeys({ file });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await signingKey({ file })).id).toBe(key);
    expect((await verifyingKey(`${file}.pub`)).id).toBe(key);
    const before = await readFile(file);
    expect(await factsOf(generateKeys({ file }))).toMatchObject({ code: 'KSB_KEY_EXISTS', exitCode: 2 });
    await rm(`${file}.pub`);
    expect(await factsOf(generateKeys({ file }))).toMatchObject({ code: 'KSB_KEY_EXISTS' });
    await expect(stat(`${file}.pub`)).rejects.toThrow('ENOENT');
    expect((await readFile(file)).equals(before)).toBe(true);
  });

  it('have the fingerprint that openssl gives them', async () => {
    const directory = await temporaryDirectory();
    const { key } = await generateKeys({ file: path.join(directory, 'a.key') });
    await openssl(directory, 'pkey', '-pubin', '-in', 'a.key.pub', '-outform', 'DER', '-out', 'a.der');
    const { stdout } = await run(['sha256sum', 'a.der'], { directory });
    expect(stdout).toBe(`${key}  a.der`);
  });

  it('may be encrypted, and then need the passphrase', async () => {
    const directory = await temporaryDirectory();
    const file = path.join(directory, 'a.key');
    const passphraseFile = path.join(directory, 'secret');
    await writeFile(passphraseFile, 'correct horse\n', { mode: 0o600 });
    await generateKeys({ file, passphraseFile });
    expect(await readFile(file, 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    expect(await signingKey({ file, passphraseFile })).toBeDefined();
    expect(await factsOf(signingKey({ file }))).toMatchObject({ code: 'KSB_KEY_ENCRYPTED' });
    const wrong = path.join(directory, 'wrong');
    await writeFile(wrong, 'staple\n', { mode: 0o600 });
    const facts = await factsOf(signingKey({ file, passphraseFile: wrong }));
    expect(facts).toMatchObject({ code: 'KSB_KEY_INVALID', exitCode: 2 });
    expect(JSON.stringify(facts)).not.toContain('staple');
  });

  it('of OpenSSL are accepted, in either of its forms', async () => {
    const directory = await temporaryDirectory();
    await openssl(directory, 'ecparam', '-genkey', '-noout', '-name', 'prime256v1', '-out', 'sec1.key');
    await openssl(directory, 'pkcs8', '-topk8', '-nocrypt', '-in', 'sec1.key', '-out', 'pkcs8.key');
    for (const name of ['sec1.key', 'pkcs8.key']) await chmod(path.join(directory, name), 0o600);
    const [sec1, pkcs8] = await Promise.all(
      ['sec1.key', 'pkcs8.key'].map((name) => signingKey({ file: path.join(directory, name) })),
    );
    expect(sec1?.id).toBe(pkcs8?.id);
  });

  it.each([0o640, 0o604, 0o620])('that others may read or write (%o) are refused', async (mode) => {
    const file = path.join(await temporaryDirectory(), 'a.key');
    await generateKeys({ file });
    await chmod(file, mode);
    expect(await factsOf(signingKey({ file }))).toMatchObject({ code: 'KSB_KEY_EXPOSED', exitCode: 2 });
  });

  it('of ML-DSA need an openssl that supports it, which is reported before anything is read or signed', async () => {
    const { directory, tarball, key } = await signDemo();
    // The first bytes of a public key of ML-DSA-65, padded to its length; then the same for a private key.
    const pem = (label: string, start: string, length: number): string =>
      [
        `-----BEGIN ${label}-----`,
        ...(Buffer.concat([Buffer.from(start, 'hex'), Buffer.alloc(length)])
          .toString('base64')
          .match(/.{1,64}/gu) ?? []),
        `-----END ${label}-----\n`,
      ].join('\n');
    const [publicKey, privateKey] = [path.join(directory, 'second.pub'), path.join(directory, 'second.key')];
    await writeFile(publicKey, pem('PUBLIC KEY', '308207b2300b0609608648016503040312038207a100', 1952));
    const start = '30820ffe020100300b060960864801650304031204820fea';
    await writeFile(privateKey, pem('PRIVATE KEY', start, 4074), { mode: 0o600 });
    const programs = await temporaryDirectory();
    vi.stubEnv('PATH', programs);
    onTestFinished(() => void vi.unstubAllEnvs());
    const before = await hashFile(tarball);
    const missing = { code: 'KSB_HOST_TOOL_MISSING', exitCode: 3 };
    const refused = async (): Promise<unknown[]> => [
      await factsOf(verifyFile(tarball, { keys: [`${key}.pub`, publicKey] })),
      await factsOf(signFile(tarball, { files: [key, privateKey] })),
    ];
    expect(await refused()).toMatchObject([missing, missing]);
    // The version in Debian 12.
    const banner = 'OpenSSL 3.0.19 27 Jan 2026 (Library: OpenSSL 3.0.19 27 Jan 2026)';
    await writeFile(path.join(programs, 'openssl'), `#!/bin/sh\necho '${banner}'\n`, { mode: 0o755 });
    const problems = [
      { message: expect.stringContaining('openssl is 3.0.19, but 3.5.0 or newer') as unknown },
    ];
    expect(await refused()).toMatchObject([
      { ...missing, problems },
      { ...missing, problems },
    ]);
    expect(await hashFile(tarball)).toBe(before);
  });

  it('of one kind cannot be given twice to sign with', async () => {
    const { directory, tarball, key } = await signDemo();
    const other = path.join(directory, 'other.key');
    await generateKeys({ file: other });
    expect(await factsOf(signFile(tarball, { files: [key, other] }))).toMatchObject({
      code: 'KSB_KEY_TWICE',
      exitCode: 2,
    });
  });

  it('in a certificate verifies while that is valid, and proves nothing before or after', async () => {
    const { directory, tarball, key } = await signDemo();
    const certificate = path.join(directory, 'release.crt');
    const issue = ['openssl', 'req', '-x509', '-new', '-key', key, '-subj', '/CN=releases', '-days', '2'];
    const certify = async (at: string): Promise<void> => {
      const issued = await run(['faketime', at, ...issue, '-out', certificate]);
      expect(issued.exitCode, issued.stderr).toBe(0);
    };
    await certify('now');
    const { id } = await signingKey({ file: key });
    expect(await verifyFile(tarball, { keys: [certificate] })).toMatchObject({
      signature: 'valid',
      keys: [id],
    });
    for (const at of ['-3 days', '+2 days']) {
      await certify(at);
      expect(await factsOf(verifyFile(tarball, { keys: [certificate] }))).toMatchObject({
        code: 'KSB_KEY_EXPIRED',
        exitCode: 4,
      });
    }
  });

  it('of another kind, and files without a key, are refused', async () => {
    const directory = await temporaryDirectory();
    const file = path.join(directory, 'a.key');
    const pairs = [
      generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ];
    for (const { privateKey, publicKey } of pairs) {
      await writeFile(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
      await writeFile(`${file}.pub`, publicKey.export({ format: 'pem', type: 'spki' }));
      for (const read of [() => signingKey({ file }), () => verifyingKey(`${file}.pub`)]) {
        expect(await factsOf(read())).toMatchObject({
          code: 'KSB_KEY_INVALID',
          message: expect.stringContaining('P-256') as unknown,
        });
      }
    }
    expect(await factsOf(verifyingKey(file))).toMatchObject({
      message: expect.stringContaining('is a private key') as unknown,
    });
    await writeFile(file, 'no key at all');
    for (const read of [
      () => signingKey({ file }),
      () => verifyingKey(file),
      () => signingKey({ file: `${file}.gone` }),
    ]) {
      expect(await factsOf(read())).toMatchObject({ code: 'KSB_KEY_INVALID', exitCode: 2 });
    }
  });
});

it('a signed tarball unpacks with its signature as one tree', async () => {
  const { tarball } = await signDemo();
  const target = path.join(await temporaryDirectory(), 'release');
  await unpackArchive(tarball, target, { strip: 1 });
  expect((await stat(path.join(target, 'SHA256SUMS.sig'))).mode & 0o777).toBe(0o644);
});
