import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { MANIFEST_FILE, type Manifest, type Part } from '../domain/manifest.ts';
import type { InspectedPart, InspectResult } from '../domain/results.ts';
import { collectContent, visitArchive } from '../io/archive.ts';
import { parseManifest } from './manifest.ts';

/** Reads the manifest of a release tarball. Throws `KSB_NOT_A_RELEASE` if there is none, and what `visitArchive` throws. */
export async function readManifestFromTarball(file: string): Promise<Manifest> {
  let text = '';
  await visitArchive(file, {}, async (entry) => {
    const [, ...rest] = entry.path.split('/');
    if (rest.join('/') === MANIFEST_FILE) text = (await collectContent(entry.content)).toString();
  });
  const manifest = parseManifest(text);
  if (manifest !== undefined) return manifest;
  throw new KsbundleError({
    code: 'KSB_NOT_A_RELEASE',
    exitCode: ExitCode.integrity,
    message: `${file} is not a release of ksbundle`,
    why: text === '' ? `it has no ${MANIFEST_FILE}` : `its ${MANIFEST_FILE} is not of format 1`,
  });
}

/** What a release tarball holds, by part. */
export async function inspectTarball(file: string): Promise<InspectResult> {
  const manifest = await readManifestFromTarball(file);
  const sizes = new Map<Part, { files: number; size: number }>();
  for (const entry of manifest.files) {
    const total = sizes.get(entry.part) ?? { files: 0, size: 0 };
    total.files += 1;
    total.size += 'size' in entry ? entry.size : 0;
    sizes.set(entry.part, total);
  }
  const describe =
    (kind: InspectedPart['kind']) =>
    ({
      name,
      version,
      license,
    }: {
      readonly name: string;
      readonly version: string;
      readonly license: string;
    }): InspectedPart => ({
      name,
      kind,
      version,
      license,
      ...(sizes.get(`${kind}:${name}`) ?? { files: 0, size: 0 }),
    });
  return {
    release: path.basename(file).replace(/\.tar\.gz$/u, ''),
    bundle: manifest.bundle,
    version: manifest.version,
    revision: manifest.revision,
    platform: manifest.platform,
    packedSize: (await stat(file)).size,
    unpackedSize: [...sizes.values()].reduce((total, { size }) => total + size, 0),
    parts: [...manifest.components.map(describe('component')), ...manifest.wheels.map(describe('wheel'))],
  };
}
