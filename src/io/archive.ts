export { collectContent, type ArchiveEntry } from './archive/entry.ts';
export { packTree, type Packed, type PackOptions } from './archive/pack.ts';
export { visitReleaseTarball } from './archive/release-tarball.ts';
export { unpackArchive, visitArchive, type UnpackOptions } from './archive/unpack.ts';
