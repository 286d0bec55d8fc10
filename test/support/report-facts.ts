import { sha256 } from '../../src/domain/digest.ts';
import type { Manifest, ManifestFile, Part } from '../../src/domain/manifest.ts';
import type { ReportFacts } from '../../src/report/facts.ts';

const DIGEST = sha256('a'.repeat(64));

/** Text that would run, load or end an element if unescaped. */
export const HOSTILE = `</style><script>document.title='run'</script><img src=x onerror="document.title='run'">'&quot;`;

function file(path: string, part: Part, size: number): ManifestFile {
  return { path, part, mode: '644', size, sha256: DIGEST };
}

/** Sizes of the release's wheels, named `wheel-0` and so on. */
const WHEELS = Array.from({ length: 60 }, (_, index) => 4_000_000 / (index + 1));

function manifestOf(name: string): Manifest {
  const component = (own: string, requires: readonly Part[]) => ({
    name: own,
    version: '1.0',
    license: 'MIT',
    purl: `pkg:generic/${own}@1.0`,
    requires,
    sources: [{ file: `${own}.tar.xz`, sha256: DIGEST }],
    recipe: DIGEST,
  });
  return {
    format: 1,
    bundle: name,
    version: '1.0',
    revision: 1,
    license: 'Apache-2.0',
    summary: name,
    platform: 'x86_64-linux-gnu.2.17',
    toolchain: { name: 'zig', version: '0.17.0', license: 'MIT' },
    requires: [
      'component:python',
      `wheel:${name}`,
      ...WHEELS.map((_, index): Part => `wheel:wheel-${index}`),
    ],
    components: [
      component('server', ['component:python', 'component:zlib']),
      component('python', ['component:zlib']),
      component('zlib', []),
    ],
    wheels: [name, ...WHEELS.map((_, index) => `wheel-${index}`)].map((own) => ({
      name: own,
      version: own === name ? name : '2.0',
      license: own === name ? name : 'BSD-3-Clause',
      file: `${own}-2.0-py3-none-any.whl`,
      sha256: DIGEST,
      requires: own === name ? ['component:python'] : [],
    })),
    embeds: [
      {
        carrier: `wheel:${name}`,
        name,
        version: '3',
        purl: 'pkg:cargo/inner@3',
        license: 'ISC',
        source: 'bill',
      },
      {
        carrier: 'component:python',
        name: 'openssl',
        version: '3.3.2',
        purl: 'pkg:generic/openssl@3.3.2',
        source: 'recipe',
      },
      {
        carrier: 'component:python',
        name: 'zlib',
        version: '1.0',
        purl: 'pkg:generic/zlib@1.0',
        license: 'MIT',
        source: 'build',
      },
    ],
    files: [
      file('README', 'bundle', 100_000),
      file('bin/python3', 'component:python', 9_000_000),
      file('licenses/zlib/LICENSE', 'component:zlib', 2_000),
      file(`lib/${name}.py`, `wheel:${name}`, 3_000_000),
      ...WHEELS.map((size, index) => file(`lib/wheel-${index}.py`, `wheel:wheel-${index}`, Math.round(size))),
    ],
  };
}

/** The facts of a release in which every name and text is `name`. */
export function reportFacts(name = 'demo'): ReportFacts {
  const manifest = manifestOf(name);
  return {
    inspected: {
      release: `${name}-1.0-1-linux-x86_64`,
      bundle: name,
      version: '1.0',
      revision: 1,
      platform: manifest.platform,
      packedSize: 10_000_000,
      unpackedSize: manifest.files.reduce((sum, entry) => sum + ('size' in entry ? entry.size : 0), 0),
      parts: [],
    },
    manifest,
    releaseId: DIGEST,
    tarball: DIGEST,
    signature: 'none',
    audit: {
      filesScanned: 70,
      elfFilesScanned: 1,
      libraries: [],
      rules: ['placeholder', 'shebang'],
      findings: [
        { rule: 'shebang', path: name, subject: name, message: name, remedy: name },
        {
          rule: 'placeholder',
          path: name,
          subject: name,
          message: name,
          remedy: name,
          exception: { reason: name, override: name },
        },
      ],
    },
    advisories: {
      feeds: [{ feed: 'PyPI', records: 2, newest: '2026-11-01T00:00:00Z' }],
      checked: 1,
      unchecked: [],
      vulnerabilities: [{ part: `wheel:${name}`, version: '2.0', ids: [name], summary: name, fixes: [name] }],
      undecided: [],
      unused: [],
    },
    timeline: {
      format: 1,
      tarball: DIGEST,
      tasks: [
        { task: `build:${name}`, title: name, outcome: 'done', start: 0, time: 60_000 },
        { task: 'pack:demo', title: 'demo', outcome: 'done', start: 60_000, time: 5_000 },
      ],
    },
  };
}
