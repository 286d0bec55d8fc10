export { collectContent, type ArchiveEntry } from './archive/entry.ts';
export { packTree } from './archive/pack.ts';
export { visitReleaseTarball } from './archive/release-tarball.ts';
export { unpackArchive, visitArchive, type UnpackOptions } from './archive/unpack.ts';
