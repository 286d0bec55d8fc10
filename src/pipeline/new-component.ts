import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { licenseOfTexts } from '../domain/license.ts';
import { fetchUnpinned } from '../fetch/unpinned.ts';
import { unpackArchive } from '../io/archive.ts';
import { withTemporaryDirectory } from '../io/files.ts';
import { findVersion, parseArchiveUrl, urlFile } from '../recipe/syntax.ts';
import type { Context } from './context.ts';

/**
 * A recipe to build a component from an archive: fetches it, pins its digest, and derives version, licence and steps
 * from its contents. Throws `KSB_NEW_URL`, and what fetching and unpacking throw.
 */
export async function describeArchive(context: Context, name: string, address: string): Promise<string> {
  const url = parseArchiveUrl(address);
  if (url === undefined || url.kind === 'python') throw badUrl(address);
  const given = urlFile(url);
  const { path: archive, sha256 } = await fetchUnpinned({ url, file: given }, context.fetch);
  return withTemporaryDirectory(context.store.temporary, async (work) => {
    const directory = path.join(work, 'source');
    const confinement = await context.confinement();
    await unpackArchive(archive, directory, { name: given, strip: 1, confinement, signal: context.signal });
    const top = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile());
    const files = top.map((entry) => entry.name).sort();
    const licenses = files.filter((file) => LICENSE_FILE.test(file));
    const texts = licenses.map((file) => readFile(path.join(directory, file), 'utf8'));
    const version = versionOf(given);
    return formatRecipe({
      name,
      version,
      license: licenseOfTexts(await Promise.all(texts)),
      // In a mirror directory, v1.2.tar.gz could be any project's.
      file: /^v?\d/.test(given) ? `${name}-${given.replace(/^v(?=\d)/, '')}` : undefined,
      sha256,
      address,
      licenses,
      steps: stepsFor(new Set(files)),
    });
  });
}

const LICENSE_FILE = /^(?:licen[cs]e|copying|copyright)[^/]*$/i;
const ENDING = /(?:\.orig)?\.(?:tar(?:\.\w+)?|t[gbx]z2?|zip)$/;

/** Debian marks repacked archives, and returns to older versions: `1.3.dfsg+really1.3.2` is 1.3.2. */
function versionOf(file: string): string | undefined {
  const stem = file
    .replace(ENDING, '')
    .replace(/\d[^-_]*\+really/, '')
    .replace(/[.+~](?:dfsg|ds)\d*$/, '');
  return findVersion(/(?:^|[-_])v?(\d.*)$/.exec(stem)?.[1] ?? '');
}

interface Facts {
  readonly name: string;
  readonly version: string | undefined;
  readonly license: string | undefined;
  readonly file: string | undefined;
  readonly sha256: string;
  readonly address: string;
  readonly licenses: readonly string[];
  readonly steps: string;
}

/** JSON's strings are valid TOML here: names and addresses contain no characters that differ. */
function formatRecipe(facts: Facts): string {
  const { name, version, license, file, licenses } = facts;
  const text = (value: string): string => JSON.stringify(value);
  const list = licenses.length === 0 ? ['LICENSE'] : licenses;
  return `# The component ${name}: one piece of software that is built from source. docs/recipes.md describes every key.
name = ${text(name)}
version = ${text(version ?? '0')}${version === undefined ? " # not found in the archive's name: set it" : ''}
license = ${text(license ?? `LicenseRef-${name}`)}${license === undefined ? ' # not recognised in the licence texts: set its SPDX identifier' : ''}
summary = ${text(name)} # describe it in one line

# This is the digest of the file that was downloaded: compare it with the one that upstream publishes. Add more URLs of the same file.
[[source.archive]]
sha256 = ${text(facts.sha256)}
urls = [${text(facts.address)}]
${file === undefined ? '' : `file = ${text(file)}\n`}
[build]
# Components whose headers and libraries the build can use, below \${inputs}: inputs = ["openssl", "zlib"]
# Licence texts in the directory where steps run; they ship.
licenses = [${list.map(text).join(', ')}]${licenses.length === 0 ? ' # no file has a usual name: set theirs' : ''}
environment = { CFLAGS = "-O2" }

${facts.steps}
# The installed files that ship: here, programs. For shared libraries, add "lib/*.so*".
[install]
ship = ["bin/*"]
`;
}

/** Steps for the files at the top of the sources. */
function stepsFor(files: ReadonlySet<string>): string {
  if (files.has('configure')) {
    return `[[build.step]]
name = "configure"
run = ["./configure", "--prefix=\${prefix}", "--build=\${build-arch}-linux-gnu", "--host=\${arch}-linux-gnu"]

[[build.step]]
name = "compile"
run = ["make", "-j\${jobs}"]

[[build.step]]
name = "install"
run = ["make", "install", "DESTDIR=\${dest}"]
`;
  }
  if (['Makefile', 'GNUmakefile', 'makefile'].some((file) => files.has(file))) {
    return `# There is no configure script. Most makefiles take PREFIX, but not all take DESTDIR: read this one.
[[build.step]]
name = "compile"
run = ["make", "-j\${jobs}", "PREFIX=\${prefix}"]

[[build.step]]
name = "install"
run = ["make", "install", "PREFIX=\${dest}\${prefix}"]
`;
  }
  return `# There is neither a configure script nor a makefile. Compile with cc and c++, and install below \${dest}\${prefix}.
[[build.step]]
name = "compile"
script = 'echo "add the build steps to recipe.toml" >&2; exit 1'
`;
}

function badUrl(address: string): KsbundleError {
  return new KsbundleError({
    code: 'KSB_NEW_URL',
    exitCode: ExitCode.usage,
    message: `--url cannot be ${JSON.stringify(address)}`,
    hint: 'use "https://…", or "debian:" with the path below pool/main/, such as debian:z/zlib/zlib_1.3.1.orig.tar.gz',
  });
}
