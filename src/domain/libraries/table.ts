/** How to find the version of a copy. */
export type VersionSign =
  /** In the text around a marker; group 1 is the version. Without a match there is no copy. */
  | { readonly kind: 'beside'; readonly pattern: RegExp }
  /**
   * A whole text anywhere in the file; group 1 is the version. Several texts are ambiguous; none means that the linker
   * left it out, or that there is no copy if it is `needed`.
   */
  | { readonly kind: 'alone'; readonly pattern: RegExp; readonly needed?: true }
  /** As `alone`, as the number that libxml2 makes of it: 21405 is 2.14.5. */
  | { readonly kind: 'number'; readonly pattern: RegExp };

/** A library that publishers often link into programs, and how to detect a copy. */
export interface Library {
  /** Its names in bills of materials. */
  readonly name: string;
  readonly aliases?: readonly string[];
  /** Latin-1 texts in its read-only data; every copy has at least one. */
  readonly markers: readonly string[];
  /** Dynamic symbols; a file that defines all of them is or contains a copy. */
  readonly symbols?: readonly string[];
  /** Absent if no copy contains its version. */
  readonly version?: VersionSign;
  /** CPE 2.3 name without version. */
  readonly cpe?: string;
  /** Its Git repository; `tag` contains `{version}`, or `{version_}` with underscores for dots. */
  readonly repository?: { readonly url: string; readonly tag: string };
}

/**
 * Detectable libraries. A marker is text that only the library's own sources contain; the form of versions was
 * confirmed in copies that the project or a publisher of wheels built.
 */
export const LIBRARIES: readonly Library[] = [
  {
    name: 'openssl',
    aliases: ['openssl-libs', 'libssl', 'libcrypto'],
    markers: ['OpenSSL '],
    version: {
      kind: 'beside',
      pattern:
        /OpenSSL (\d+\.\d+\.\d+[a-z]{0,2}(?:-(?:alpha|beta|dev)\d*)?)(?:[-+][\w.+-]+)? {1,2}\d{1,2} [A-Z][a-z]{2} \d{4}/,
    },
    cpe: 'cpe:2.3:a:openssl:openssl',
    repository: { url: 'https://github.com/openssl/openssl', tag: 'openssl-{version}' },
  },
  { name: 'boringssl', markers: ['(compatible; BoringSSL)'] },
  {
    name: 'libressl',
    markers: ['LibreSSL '],
    version: { kind: 'beside', pattern: /LibreSSL (\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:openbsd:libressl',
  },
  {
    name: 'aws-lc',
    markers: ['AWS-LC '],
    version: { kind: 'beside', pattern: /AWS-LC (?:FIPS )?(\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:amazon:aws-lc',
  },
  {
    name: 'mbedtls',
    markers: ['mbed TLS ', 'Mbed TLS '],
    version: { kind: 'beside', pattern: /[mM]bed TLS (\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:arm:mbed_tls',
    repository: { url: 'https://github.com/Mbed-TLS/mbedtls', tag: 'mbedtls-{version}' },
  },
  {
    name: 'libgcrypt',
    markers: ['This is Libgcrypt '],
    version: { kind: 'beside', pattern: /Libgcrypt (\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:gnupg:libgcrypt',
  },
  {
    name: 'libsodium',
    markers: ['LibsodiumDRG'],
    version: { kind: 'alone', pattern: /^(1\.0\.\d{1,2})$/ },
    cpe: 'cpe:2.3:a:libsodium:libsodium',
    repository: { url: 'https://github.com/jedisct1/libsodium', tag: '{version}-RELEASE' },
  },
  {
    name: 'zlib',
    aliases: ['zlib1g'],
    markers: [' deflate ', ' inflate '],
    version: { kind: 'beside', pattern: / (?:de|in)flate (\d+(?:\.\d+)+)\S* Copyright 1995-\d{4} / },
    cpe: 'cpe:2.3:a:zlib:zlib',
    repository: { url: 'https://github.com/madler/zlib', tag: 'v{version}' },
  },
  {
    name: 'bzip2',
    aliases: ['bzip2-libs', 'libbz2'],
    markers: ['bzip2/libbzip2'],
    version: { kind: 'alone', pattern: /^(1\.0\.\d+), \d{1,2}-[A-Z][a-z]{2}-\d{4}$/ },
    cpe: 'cpe:2.3:a:bzip:bzip2',
  },
  {
    name: 'xz',
    aliases: ['xz-libs', 'liblzma'],
    // The magic bytes that its files begin with.
    markers: ['\xfd7zXZ\0'],
    version: { kind: 'alone', pattern: /^(5\.\d+\.\d+(?:alpha|beta)?)$/ },
    cpe: 'cpe:2.3:a:tukaani:xz',
    repository: { url: 'https://github.com/tukaani-project/xz', tag: 'v{version}' },
  },
  {
    name: 'zstd',
    aliases: ['libzstd'],
    markers: ['Frame requires too much memory for decoding'],
    version: { kind: 'alone', pattern: /^(1\.\d+\.\d+)$/ },
    cpe: 'cpe:2.3:a:facebook:zstandard',
    repository: { url: 'https://github.com/facebook/zstd', tag: 'v{version}' },
  },
  {
    name: 'lz4',
    aliases: ['liblz4'],
    markers: ['ERROR_frameType_unknown'],
    version: { kind: 'alone', pattern: /^(1\.\d+\.\d+)$/ },
    cpe: 'cpe:2.3:a:lz4_project:lz4',
    repository: { url: 'https://github.com/lz4/lz4', tag: 'v{version}' },
  },
  {
    name: 'sqlite',
    aliases: ['sqlite3', 'sqlite-libs'],
    markers: ['CREATE TABLE x(type text,name text,tbl_name text'],
    version: { kind: 'alone', pattern: /^(3\.\d{1,2}\.\d{1,2}(?:\.\d+)?)$/ },
    cpe: 'cpe:2.3:a:sqlite:sqlite',
    repository: { url: 'https://github.com/sqlite/sqlite', tag: 'version-{version}' },
  },
  {
    name: 'libxml2',
    markers: ['xmlRelaxNGParse', 'xmlSAX2Characters'],
    version: { kind: 'number', pattern: /^(2\d{4})(?:-\S*)?$/ },
    cpe: 'cpe:2.3:a:xmlsoft:libxml2',
    repository: { url: 'https://gitlab.gnome.org/GNOME/libxml2', tag: 'v{version}' },
  },
  {
    name: 'libxslt',
    markers: ['xsltParseStylesheetProcess'],
    version: { kind: 'number', pattern: /^(1\d{4})(?:-\S*)?$/ },
    cpe: 'cpe:2.3:a:xmlsoft:libxslt',
    repository: { url: 'https://gitlab.gnome.org/GNOME/libxslt', tag: 'v{version}' },
  },
  {
    name: 'expat',
    aliases: ['libexpat'],
    markers: ['expat_'],
    version: { kind: 'beside', pattern: /(?<![\w])expat_(\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:libexpat_project:libexpat',
    repository: { url: 'https://github.com/libexpat/libexpat', tag: 'R_{version_}' },
  },
  {
    name: 'libyaml',
    markers: ['did not find expected <document start>'],
    version: { kind: 'alone', pattern: /^(0\.\d+\.\d+)$/ },
    cpe: 'cpe:2.3:a:pyyaml:libyaml',
    repository: { url: 'https://github.com/yaml/libyaml', tag: '{version}' },
  },
  {
    name: 'libffi',
    markers: [],
    symbols: ['ffi_prep_cif', 'ffi_type_void'],
    cpe: 'cpe:2.3:a:libffi_project:libffi',
    repository: { url: 'https://github.com/libffi/libffi', tag: 'v{version}' },
  },
  {
    name: 'ncurses',
    aliases: ['ncurses-libs'],
    markers: ['ncurses '],
    version: { kind: 'beside', pattern: /ncurses (\d+\.\d+)\.\d{8}/ },
    cpe: 'cpe:2.3:a:gnu:ncurses',
  },
  {
    name: 'libevent',
    markers: ['Only one event_base_loop can run on each event_base at once'],
    version: { kind: 'alone', pattern: /^(2\.\d+\.\d+)-(?:stable|alpha|beta|rc)(?:-dev)?$/ },
    cpe: 'cpe:2.3:a:libevent_project:libevent',
    repository: { url: 'https://github.com/libevent/libevent', tag: 'release-{version}-stable' },
  },
  {
    name: 'pcre2',
    markers: ['lower\0upper\0alnum\0'],
    version: { kind: 'alone', pattern: /^(10\.\d+)(?:-\w+)? \d{4}-\d\d-\d\d$/, needed: true },
    cpe: 'cpe:2.3:a:pcre:pcre2',
    repository: { url: 'https://github.com/PCRE2Project/pcre2', tag: 'pcre2-{version}' },
  },
  {
    name: 'pcre',
    markers: ['lower\0upper\0alnum\0'],
    version: { kind: 'alone', pattern: /^(8\.\d+) \d{4}-\d\d-\d\d$/, needed: true },
    cpe: 'cpe:2.3:a:pcre:pcre',
  },
  {
    name: 'curl',
    aliases: ['libcurl'],
    markers: ['libcurl/'],
    version: { kind: 'beside', pattern: /libcurl\/(\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:haxx:libcurl',
  },
  {
    name: 'libssh2',
    markers: ['libssh2_'],
    version: { kind: 'beside', pattern: /libssh2_(\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:libssh2:libssh2',
    repository: { url: 'https://github.com/libssh2/libssh2', tag: 'libssh2-{version}' },
  },
  {
    name: 'krb5',
    aliases: ['krb5-libs'],
    markers: ['KRB5_BRAND: krb5-'],
    version: { kind: 'beside', pattern: /krb5-(\d+\.\d+(?:\.\d+)?)/ },
    cpe: 'cpe:2.3:a:mit:kerberos_5',
  },
  {
    name: 'openldap',
    markers: ['$OpenLDAP: '],
    version: { kind: 'beside', pattern: /\$OpenLDAP: \w+ (\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:openldap:openldap',
  },
  {
    name: 'libpng',
    markers: ['libpng version '],
    version: { kind: 'beside', pattern: /libpng version (\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:libpng:libpng',
    repository: { url: 'https://github.com/pnggroup/libpng', tag: 'v{version}' },
  },
  {
    name: 'libjpeg-turbo',
    markers: ['libjpeg-turbo version '],
    version: { kind: 'beside', pattern: /libjpeg-turbo version (\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:libjpeg-turbo:libjpeg-turbo',
    repository: { url: 'https://github.com/libjpeg-turbo/libjpeg-turbo', tag: '{version}' },
  },
  {
    name: 'tiff',
    aliases: ['libtiff'],
    markers: ['LIBTIFF, Version '],
    version: { kind: 'beside', pattern: /LIBTIFF, Version (\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:libtiff:libtiff',
    repository: { url: 'https://gitlab.com/libtiff/libtiff', tag: 'v{version}' },
  },
  {
    name: 'libarchive',
    markers: ['libarchive '],
    version: { kind: 'beside', pattern: /libarchive (\d+\.\d+\.\d+)/ },
    cpe: 'cpe:2.3:a:libarchive:libarchive',
    repository: { url: 'https://github.com/libarchive/libarchive', tag: 'v{version}' },
  },
  {
    name: 'jemalloc',
    markers: ['<jemalloc>: '],
    version: { kind: 'alone', pattern: /^(\d+\.\d+\.\d+)-\d+-g[0-9a-f]{40}$/ },
    cpe: 'cpe:2.3:a:jemalloc:jemalloc',
    repository: { url: 'https://github.com/jemalloc/jemalloc', tag: '{version}' },
  },
  { name: 'mimalloc', markers: ['mimalloc: error: '] },
  {
    name: 'mpdecimal',
    aliases: ['libmpdec'],
    markers: ['libmpdec: internal error'],
    version: { kind: 'alone', pattern: /^([24]\.\d+\.\d+)$/ },
  },
  {
    name: 'llvm-libunwind',
    aliases: ['libunwind'],
    markers: ['libunwind: malformed DW_CFA_'],
    repository: { url: 'https://github.com/llvm/llvm-project', tag: 'llvmorg-{version}' },
  },
  {
    name: 'go',
    markers: [],
    cpe: 'cpe:2.3:a:golang:go',
    repository: { url: 'https://github.com/golang/go', tag: 'go{version}' },
  },
  {
    name: 'rust',
    // rustc writes it into .comment of everything that it links, with its standard library.
    markers: ['rustc version '],
    version: { kind: 'beside', pattern: /rustc version (\d+\.\d+\.\d+\S*) \([0-9a-f]+ \d{4}-\d\d-\d\d\)/ },
    cpe: 'cpe:2.3:a:rust-lang:rust',
    repository: { url: 'https://github.com/rust-lang/rust', tag: '{version}' },
  },
];

/** The library that a bill of materials names by any of its names. */
export function libraryNamed(name: string): Library | undefined {
  return LIBRARIES.find((library) => library.name === name || library.aliases?.includes(name) === true);
}

/** The repository and the tag of a version. */
export function repositoryOf(
  { repository }: Library,
  version: string,
): { readonly url: string; readonly tag: string } | undefined {
  if (repository === undefined) return undefined;
  const tag = repository.tag
    .replace('{version}', version)
    .replace('{version_}', version.replaceAll('.', '_'));
  return { url: repository.url, tag };
}
