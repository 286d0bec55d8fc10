import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLicense } from '../../src/domain/license.ts';
import { removeTree } from '../../src/io/files.ts';
import { readManifestFromTarball } from '../../src/pack/inspect.ts';
import { objections, type DocumentKind } from '../support/validators/validators.ts';
import { tarball } from './support/bundle.ts';
import { ksbundle } from './support/cli.ts';
import { makeTinyBundle } from './support/tiny-bundle.ts';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'ksb-validators-'));
});
afterAll(() => removeTree(directory));

async function succeed(parameters: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await ksbundle(parameters);
  expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
  return stdout;
}

/** The document with an existing text replaced. */
async function altered(file: string, from: string, to: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  expect(text).toContain(from);
  const other = path.join(directory, 'altered.json');
  await writeFile(other, text.replace(from, to));
  return other;
}

describe('of the real bundle', () => {
  it.each<{ kind: DocumentKind; options: string[]; from: string; to: string }>([
    {
      kind: 'cyclonedx',
      options: ['--sbom', 'cyclonedx'],
      from: '"bom-ref": "wheel:keystone"',
      to: '"bom-ref": 5',
    },
    {
      kind: 'spdx',
      options: ['--sbom', 'spdx'],
      from: '"licenseDeclared": "Apache-2.0"',
      to: '"licenseDeclared": "Apache"',
    },
    { kind: 'openvex', options: ['--vex'], from: '"status": "fixed"', to: '"status": "mended"' },
  ])('what it says in $kind is taken by the library for it, and no faulty form of it', async (document) => {
    const { kind, options, from, to } = document;
    const file = path.join(directory, `${kind}.json`);
    await writeFile(file, await succeed(['inspect', tarball(), ...options]));
    expect(await objections(kind, file)).toBe('');
    expect(await objections(kind, await altered(file, from, to))).not.toBe('');
  });
});

it('every licence of the real bundle is an SPDX expression, and only publishers have licences of their own', async () => {
  const manifest = await readManifestFromTarball(tarball());
  const parts = [manifest, manifest.toolchain, ...manifest.components, ...manifest.wheels];
  const licenses = [...parts, ...(manifest.embeds ?? [])].flatMap(({ license }) => license ?? []);
  expect(manifest.wheels.length).toBeGreaterThan(100);
  expect(licenses.filter((license) => !isLicense(license))).toEqual([]);
  expect(licenses.filter((license) => license.includes('LicenseRef-'))).toEqual([
    'LicenseRef-Repoze-BSD-derived',
  ]);
});

describe('of a build', () => {
  it('the provenance is accepted by in-toto, signed by the library for DSSE, and nothing else is', async () => {
    const tiny = await makeTinyBundle();
    const key = path.join(directory, 'release.key');
    await succeed(['keygen', key]);
    await succeed([...tiny.build, '--sign', key]);
    const statement = `${tiny.tarball}.intoto.json`;
    expect(await objections('provenance', statement)).toBe('');
    expect(await objections('provenance', await altered(statement, '"buildType"', '"buildKind"'))).toContain(
      'buildKind',
    );
    const envelope = `${tiny.tarball}.intoto.jsonl`;
    expect(await objections('envelope', envelope, `${key}.pub`)).toBe('');
    await succeed(['keygen', `${key}.other`]);
    expect(await objections('envelope', envelope, `${key}.other.pub`)).not.toBe('');
  });
});
