import { architectureFacts, type GlibcVersion, type Platform } from './platform.ts';

/** Sonames of the libraries that glibc itself installs on every host, its loader aside. */
const LIBRARIES = [
  'libc.so.6',
  'libm.so.6',
  'libpthread.so.0',
  'libdl.so.2',
  'librt.so.1',
  'libutil.so.1',
  'libresolv.so.2',
];

/** The only libraries a release may take from its host: those of glibc, with the loader of the platform. */
export function hostLibraries(platform: Platform): readonly string[] {
  return [...LIBRARIES, architectureFacts(platform).loader];
}

/** The glibc release that brought the symbol version `GLIBC_<major>.<minor>[.<patch>]`; undefined for other names. */
export function parseGlibcSymbolVersion(name: string): GlibcVersion | undefined {
  const [, major, minor] = /^GLIBC_(\d+)\.(\d+)(?:\.\d+)?$/.exec(name) ?? [];
  return major === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}
