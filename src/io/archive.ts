export { gzipMembers, readGzipMembers } from './archive/gzip.ts';
export {
  hashWithoutLeadingFiles,
  lengthOf,
  readLeadingFiles,
  replaceLeadingFiles,
  type LeadingFile,
} from './archive/leading-file.ts';
export { packTree } from './archive/pack.ts';
export { encodeTarHeader, TAR_END } from './archive/tar-header.ts';
export { visitReleaseTarball, type ReleaseEntry } from './archive/release-tarball.ts';
export { hostileArchive } from './archive/entry.ts';
export { unpackArchive } from './archive/debian-package.ts';
export { findContent, type UnpackOptions } from './archive/unpack.ts';
