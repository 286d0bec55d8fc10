import { architectureFacts, type GlibcVersion, type Platform } from './platform.ts';

/** Sonames of glibc's libraries on every host, without the loader. */
const LIBRARIES = [
  'libc.so.6',
  'libm.so.6',
  'libpthread.so.0',
  'libdl.so.2',
  'librt.so.1',
  'libutil.so.1',
  'libresolv.so.2',
];

/** The only host libraries that a release may use: glibc's, with the platform's loader. */
export function hostLibraries(platform: Platform): readonly string[] {
  return [...LIBRARIES, architectureFacts(platform).loader];
}

/** The glibc release that added the symbol version `GLIBC_<major>.<minor>[.<patch>]`; undefined for other names. */
export function parseGlibcSymbolVersion(name: string): GlibcVersion | undefined {
  const [, major, minor] = /^GLIBC_(\d+)\.(\d+)(?:\.\d+)?$/.exec(name) ?? [];
  return major === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}
