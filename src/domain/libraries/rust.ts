import { inflateSync } from 'node:zlib';
import { z } from 'zod';

/** A package of Rust's registry. */
export interface Crate {
  readonly name: string;
  readonly version: string;
}

/** Cargo's directory for sources of crates; panics of a program name files there. */
export const CRATE_MARKERS = [
  '/index.crates.io-',
  '/github.com-1ecc6299db9ec823/',
  '/cargo/registry/',
] as const;
const CRATE = /^(?:[0-9a-f]{16}\/)?([A-Za-z][A-Za-z0-9_-]*)-(\d+\.\d+\.\d+[0-9A-Za-z.+-]*)\//;
/** Maximum length of a crate's name with version. */
const LONGEST = 160;

/** The crate whose source file is named after a marker that ends at `at`. */
export function crateAt(text: string, at: number): Crate | undefined {
  const [, name, version] = CRATE.exec(text.slice(at, at + LONGEST)) ?? [];
  return name === undefined || version === undefined ? undefined : { name, version };
}

/** The section with cargo-auditable's list of crates, zlib-compressed JSON. */
export const AUDITABLE_SECTION = '.dep-v0';
/** Maximum size of the list, bytes. */
const LONGEST_LIST = 8 << 20;

const list = z.object({
  packages: z.array(
    z.object({ name: z.string(), version: z.string(), source: z.string(), kind: z.string().optional() }),
  ),
});

/** cargo-auditable's list without the program's own packages and build dependencies; empty if unreadable. */
export function readAuditable(section: Buffer | undefined): readonly Crate[] {
  if (section === undefined) return [];
  try {
    const text = inflateSync(section, { maxOutputLength: LONGEST_LIST }).toString('utf8');
    return list
      .parse(JSON.parse(text))
      .packages.filter(({ source, kind }) => source !== 'local' && kind !== 'build');
  } catch {
    return [];
  }
}
