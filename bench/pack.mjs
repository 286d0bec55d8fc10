import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { repeat } from './measure.mjs';
import { ksbundle, ROOT, unpack, withDirectory } from './release.mjs';

/** Time to pack an assembled release, and the share of the signature and the bill of materials. */
export function measurePack(tarball) {
  return withDirectory(async (directory) => {
    const { hashFile } = await import(path.join(ROOT, 'dist/io/files.js'));
    const { readManifestFromTarball } = await import(path.join(ROOT, 'dist/pack/inspect.js'));
    const { readSigningKeys } = await import(path.join(ROOT, 'dist/pipeline/keys.js'));
    const { packRelease } = await import(path.join(ROOT, 'dist/pack/pack-release.js'));
    const { formatCycloneDx } = await import(path.join(ROOT, 'dist/pack/sbom/cyclonedx.js'));
    const { signTarball } = await import(path.join(ROOT, 'dist/pack/signature.js'));

    const name = path.basename(tarball, '.tar.gz');
    const manifest = await readManifestFromTarball(tarball);
    const { format: _, files, ...facts } = manifest;
    const options = {
      directory: await unpack(tarball, directory),
      name,
      out: directory,
      parts: new Map(files.map((file) => [file.path, file.part])),
      facts,
      build: { bundle: manifest.bundle, platform: manifest.platform, materials: [], tools: {} },
    };
    const packed = await repeat(3, () => packRelease(options));
    const made = path.join(directory, `${name}.tar.gz`);
    if ((await hashFile(made)) !== (await hashFile(tarball))) throw new Error(`${made} is not ${tarball}`);

    const keyFile = path.join(directory, 'key');
    await ksbundle('keygen', keyFile);
    const keys = await readSigningKeys({ files: [keyFile] });
    const signed = await repeat(5, async () => {
      await writeFile(path.join(directory, 'sbom.cdx.json'), formatCycloneDx(manifest));
      await signTarball(made, keys);
    });
    return [
      { name: 'pack', seconds: packed, goal: 8 },
      { name: 'sign the tarball, and its bill of materials', seconds: signed, goal: 1 },
    ];
  });
}
