import { describe, expect, it } from 'vitest';
import { readElf } from '../../../src/domain/elf/file.ts';
import { findLibraries } from '../../../src/domain/libraries/find.ts';
import { LIBRARIES, libraryNamed, repositoryOf } from '../../../src/domain/libraries/table.ts';
import { buildElf } from '../../fixtures/elf-builder.ts';

/** The libraries found in a file that contains `data`, as `[registry:]name versions`. */
function found(data: string, defined: readonly string[] = []): string[] {
  const bytes = buildElf({ data: Buffer.from(`\0${data}\0`, 'latin1') });
  const libraries = findLibraries({
    bytes,
    elf: readElf(bytes),
    defines: (symbol) => defined.includes(symbol),
  });
  return libraries.map(({ registry, name, versions }) =>
    [registry === 'generic' ? name : `${registry}:${name}`, versions.join('|')].join(' ').trim(),
  );
}

/** Data as in a copy of each library; `symbols:` for a library that is recognised by its symbols. */
const COPIES: Readonly<Record<string, readonly [string, string]>> = {
  openssl: ['OpenSSL 1.0.2k-fips  26 Jan 2017', '1.0.2k'],
  boringssl: ['OpenSSL 1.1.1 (compatible; BoringSSL)', ''],
  libressl: ['LibreSSL 3.8.2', '3.8.2'],
  'aws-lc': ['AWS-LC FIPS 2.0.17', '2.0.17'],
  mbedtls: ['Mbed TLS 3.6.0', '3.6.0'],
  libgcrypt: ['This is Libgcrypt 1.10.3 - The GNU Crypto Library', '1.10.3'],
  libsodium: ['LibsodiumDRG\x001.0.20', '1.0.20'],
  zlib: [' inflate 1.2.11 Copyright 1995-2017 Mark Adler ', '1.2.11'],
  bzip2: ['bzip2/libbzip2: internal error number %d.\n\x001.0.8, 13-Jul-2019', '1.0.8'],
  xz: ['5.2.5\0\xfd7zXZ\0', '5.2.5'],
  zstd: ['Frame requires too much memory for decoding\x001.5.5', '1.5.5'],
  lz4: ['ERROR_frameType_unknown\x001.9.4', '1.9.4'],
  sqlite: ['CREATE TABLE x(type text,name text,tbl_name text,rootpage int,sql text)\x003.53.4', '3.53.4'],
  libxml2: ['xmlSAX2Characters: out of memory\x0020914-GITv2.9.14', '2.9.14'],
  libxslt: ['xsltParseStylesheetProcess : empty stylesheet\x0010139', '1.1.39'],
  expat: ['expat_2.8.3', '2.8.3'],
  libyaml: ['did not find expected <document start>\x000.2.5', '0.2.5'],
  libffi: ['symbols:ffi_prep_cif ffi_type_void', ''],
  ncurses: ['ncurses 6.4.20221231', '6.4'],
  libevent: [
    '%s: reentrant invocation.  Only one event_base_loop can run on each event_base at once.\x002.1.13-stable',
    '2.1.13',
  ],
  pcre2: ['alpha\0lower\0upper\0alnum\0ascii\x0010.48 2026-08-31', '10.48'],
  pcre: ['alpha\0lower\0upper\0alnum\0ascii\x008.45 2021-06-15', '8.45'],
  curl: ['libcurl/8.5.0', '8.5.0'],
  libssh2: ['SSH-2.0-libssh2_1.11.0', '1.11.0'],
  krb5: ['KRB5_BRAND: krb5-1.20.1-final 1.20.1 20221115', '1.20.1'],
  openldap: ['@(#) $OpenLDAP: libldap 2.6.7 (Jan 1 2024 00:00:00) $', '2.6.7'],
  libpng: ['libpng version 1.6.40', '1.6.40'],
  'libjpeg-turbo': ['libjpeg-turbo version 2.1.5 (build 20230203)', '2.1.5'],
  tiff: ['LIBTIFF, Version 4.5.1', '4.5.1'],
  libarchive: ['libarchive 3.7.2', '3.7.2'],
  jemalloc: ['<jemalloc>: \x005.3.0-0-g54eaed1d8b56b1aa528be3bdd1877e59c56fa90c', '5.3.0'],
  mimalloc: ['mimalloc: error: ', ''],
  mpdecimal: ['libmpdec: internal error in %s\x002.5.1', '2.5.1'],
  'llvm-libunwind': ['libunwind: malformed DW_CFA_undefined DWARF unwind, reg too big', ''],
  go: ['\xff Go buildinf:\x08\x02' + '\0'.repeat(16) + '\x08go1.22.1\0', '1.22.1'],
  rust: ['rustc version 1.82.0 (f6e511eec 2024-10-15)', '1.82.0'],
};

describe('a copy of a library', () => {
  it('is found for each entry of the table, and for nothing else', () => {
    expect(Object.keys(COPIES).toSorted()).toEqual(LIBRARIES.map(({ name }) => name).toSorted());
  });

  it.each(Object.entries(COPIES))('of %s is found, with its version', (name, [data, version]) => {
    const symbols = /^symbols:(.*)/.exec(data)?.[1]?.split(' ');
    const expected = `${name} ${version}`.trim();
    expect(symbols === undefined ? found(data) : found('', symbols)).toEqual([expected]);
  });

  it.each([
    "OpenSSL 3.0's legacy provider failed to load.",
    'sqlite3: SQLite 3.15.2 or higher required',
    'libffi failed to build this function type',
    'PNG inflate 1.2 is too old',
    'expat_is_fine',
    '5.2.5',
    '\0lower\0upper\0alnum\0',
    'rustc version 1.82.0',
  ])('is not found in a text with a similar string: %j', (text) => {
    expect(found(text)).toEqual([]);
  });

  it('is reported with every version that its texts may mean, and with none if the linker dropped it', () => {
    const marker = 'CREATE TABLE x(type text,name text,tbl_name text';
    expect(found(`${marker}\x003.13.15\x003.53.4\x003.53.4`)).toEqual(['sqlite 3.13.15|3.53.4']);
    expect(found(marker)).toEqual(['sqlite']);
  });

  it('is not looked for in code', () => {
    const bytes = buildElf({ data: '\0OpenSSL 3.3.2 3 Sep 2024\0' });
    const elf = readElf(bytes);
    const all = {
      type: 1,
      flags: 5,
      offset: 0,
      fileSize: bytes.length,
      address: 0,
      memorySize: 0,
      alignment: 1,
    };
    const data = { ...all, flags: 4, fileSize: 0 };
    const search = (segments: (typeof elf)['segments']): number =>
      findLibraries({ bytes, elf: { ...elf, segments }, defines: () => false }).length;
    expect(search([all, data])).toBe(0);
    // One segment for everything, as old linkers created it.
    expect(search([all])).toBe(1);
  });

  it('has the names used in bills, and a tag in its repository', () => {
    expect(libraryNamed('openssl-libs')?.name).toBe('openssl');
    const expat = libraryNamed('libexpat');
    expect(expat && repositoryOf(expat, '2.8.3')).toEqual({
      url: 'https://github.com/libexpat/libexpat',
      tag: 'R_2_8_3',
    });
    expect(libraryNamed('unheard-of')).toBeUndefined();
  });
});

describe('crates of Rust', () => {
  it('are found by the files in panic messages, each once', () => {
    const root = '/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f';
    const data = [
      `${root}/asn1-0.24.1/src/a.rs`,
      `${root}/asn1-0.24.1/src/b.rs`,
      `${root}/pyo3-ffi-0.29.2/src/lib.rs`,
      '/usr/share/cargo/registry/syn-2.0.106/src/lib.rs',
      '/home/u/.cargo/registry/src/github.com-1ecc6299db9ec823/wasi-0.11.0+wasi-snapshot-preview1/src/lib.rs',
    ].join('');
    expect(found(data)).toEqual([
      'cargo:asn1 0.24.1',
      'cargo:pyo3-ffi 0.29.2',
      'cargo:syn 2.0.106',
      'cargo:wasi 0.11.0+wasi-snapshot-preview1',
    ]);
  });
});

describe('modules of Go', () => {
  const length = (text: string): string => {
    const low = String.fromCharCode((text.length & 0x7f) | 0x80);
    return low + String.fromCharCode(text.length >> 7);
  };
  const facts = (modules: string, flags = '\x02'): string => {
    const framed = `${'x'.repeat(16)}${modules}${'y'.repeat(16)}`;
    return `\xff Go buildinf:\x08${flags}${'\0'.repeat(16)}${length('go1.22.1')}go1.22.1${length(framed)}${framed}`;
  };

  it('are listed, with replacements in place of replaced modules', () => {
    const lines = [
      'path\texample.org/tool',
      'mod\texample.org/tool\t(devel)',
      'dep\tgolang.org/x/net\tv0.17.0\th1:abc=',
      'dep\texample.org/old\tv1.0.0',
      '=>\texample.org/new\tv1.1.0\th1:def=',
      'build\t-buildmode=exe',
    ];
    expect(found(facts(lines.join('\n')))).toEqual([
      'go 1.22.1',
      'golang:golang.org/x/net v0.17.0',
      'golang:example.org/new v1.1.0',
    ]);
  });

  it('are only Go itself if an old linker wrote pointers, or the list is truncated', () => {
    expect(found(facts('dep\ta\tv1', '\0'))).toEqual(['go']);
    expect(found(`\xff Go buildinf:\x08\x02${'\0'.repeat(16)}\xff\xff`)).toEqual(['go']);
  });
});
