export { packTree, type Packed, type PackOptions } from './archive/pack.ts';
export { type ArchiveEntry } from './archive/entry.ts';
export { type ArchiveLimits } from './archive/guard.ts';
export { unpackArchive, visitArchive, type UnpackOptions } from './archive/unpack.ts';
