import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { DEFAULT_PLATFORM, parsePlatform } from '../../../src/domain/platform.ts';
import { hashBytes, removeTree } from '../../../src/io/files.ts';
import { recipeInputs } from '../../../src/lock/inputs.ts';
import { lockfilePath, writeLockfile } from '../../../src/lock/lockfile.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { buildElf } from '../../fixtures/elf-builder.ts';
import { makeTar, type TarItem } from '../../support/archives.ts';
import { projectAt } from '../../support/projects.ts';

/** A project that builds at once: a fake compiler and interpreter, and two components. */
export interface TinyBundle {
  readonly directory: string;
  readonly recipes: string;
  readonly cache: string;
  readonly mirror: string;
  /** The lockfile. */
  readonly lockfile: string;
  /** Directory for the tarball. */
  readonly tarball: string;
  /** Parameters that build it. */
  readonly build: readonly string[];
  /** Parameters for other commands to use it. */
  readonly options: readonly string[];
}

export interface TinyPlan {
  /** Contents of the source archive of the component `note`; harmless by default. */
  readonly archive?: readonly TarItem[];
  /** Shell script that is the first step of `note`. */
  readonly script?: string;
  /** Shell commands that the interpreter always runs first. */
  readonly python?: string;
  /** Registers the removal of the directory; with the test by default. */
  readonly onEnd?: (remove: () => Promise<void>) => void;
}

const INSTALL = 'mkdir -p "${dest}${prefix}/share" && cp note.txt "${dest}${prefix}/share/note.txt"';

/** Writes a tiny bundle below a temporary directory, removed with the test. */
export async function makeTinyBundle(plan: TinyPlan = {}): Promise<TinyBundle> {
  const temporary = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-tiny-'));
  const { onEnd = onTestFinished } = plan;
  onEnd(() => removeTree(temporary));
  const directory = path.join(temporary, 'my project');
  const cache = path.join(temporary, 'cache');
  const at = (...parts: string[]): string => path.join(directory, ...parts);
  const write = async (file: string, content: string | Buffer): Promise<void> => {
    await mkdir(path.dirname(at(file)), { recursive: true });
    await writeFile(at(file), content, { mode: 0o755 });
  };
  const addComponent = async (name: string, component: TinyComponent): Promise<void> => {
    const archive = gzipSync(makeTar(component.archive));
    await write(`mirror/${name}-1.0.0.tar.gz`, archive);
    await write(`recipes/${name}/recipe.toml`, formatComponent(name, component, hashBytes(archive)));
  };

  const license = { path: 'top/LICENSE', content: 'As you like.\n' };
  await addComponent('note', {
    archive: plan.archive ?? [license, { path: 'top/note.txt', content: 'noted\n' }],
    scripts: [...(plan.script === undefined ? [] : [plan.script]), INSTALL],
    ship: ['share/**'],
  });
  await addComponent('pretender', {
    archive: [
      license,
      {
        path: 'top/python3',
        content: `#!/bin/sh\n{ ${plan.python ?? ':'}; } >/dev/null 2>&1\ncat >/dev/null\necho '{"written":[],"missing":[]}'\n`,
      },
      { path: 'top/libpretender.so', content: buildElf({ rpath: '$ORIGIN', soname: 'libpretender.so' }) },
    ],
    scripts: [
      'mkdir -p "${dest}${prefix}/bin" "${dest}${prefix}/lib"',
      'cp python3 "${dest}${prefix}/bin/python3" && chmod 755 "${dest}${prefix}/bin/python3"',
      'cp libpretender.so "${dest}${prefix}/lib/libpretender.so"',
    ],
    ship: ['bin/**', 'lib/**'],
  });

  const compiler = gzipSync(makeTar([{ path: 'ziglang/README', content: 'This only pretends.\n' }]));
  await write('mirror/compiler-1.0.0.tar.gz', compiler);
  await write('recipes/compiler/recipe.toml', formatToolchain(hashBytes(compiler)));
  await write('recipes/compiler/cc', PRETENDED_COMPILER);
  await write('recipes/compiler/ar', '#!/bin/sh\n');
  await write('recipes/compiler/ld', '#!/bin/sh\n');
  await write('recipes/compiler/finalize.c', '');
  await write('recipes/compiler/empty.c', '');
  await write('recipes/tiny/bundle.toml', BUNDLE);
  await write('recipes/tiny/constraints.txt', '');
  await write('init/bootstrap.sh', '#!/bin/sh\n');
  await write('init/installer/__main__.py', '"""Installs nothing."""\n');
  await write('init/services/tiny/service.toml', SERVICE);

  const lockfile = await lockTinyBundle(directory, at('lockfiles'));
  const options = ['--recipes', at('recipes'), '--lockfiles', at('lockfiles'), '--cache', cache];
  const out = at('out');
  return {
    directory,
    recipes: at('recipes'),
    cache,
    mirror: at('mirror'),
    lockfile,
    tarball: path.join(out, 'tiny-1.0.0-1-linux-x86_64.tar.gz'),
    build: ['build', 'tiny', ...options, '--mirror', at('mirror'), '--out', out],
    options,
  };
}

/** Rewrites the lockfile; returns its path. */
async function lockTinyBundle(project: string, lockfiles: string): Promise<string> {
  const platform = parsePlatform(DEFAULT_PLATFORM);
  if (platform === undefined) throw new TypeError(DEFAULT_PLATFORM);
  const set = await loadRecipes(projectAt(project), platform);
  const bundle = set.bundles.get('tiny');
  if (bundle === undefined) throw new TypeError('no bundle');
  const file = lockfilePath(lockfiles, bundle.name, platform);
  await writeLockfile(file, {
    format: 1,
    bundle: bundle.name,
    version: bundle.version,
    platform: DEFAULT_PLATFORM,
    ...recipeInputs({ bundle, set, platform }),
    wheels: [],
    built: [],
  });
  return file;
}

interface TinyComponent {
  readonly archive: readonly TarItem[];
  readonly scripts: readonly string[];
  readonly ship: readonly string[];
}

function formatComponent(name: string, { scripts, ship }: TinyComponent, digest: string): string {
  const steps = scripts.map(
    (script, index) => `[[build.step]]\nname = "step-${index + 1}"\nscript = '''\n${script}\n'''\n`,
  );
  return `name = "${name}"
version = "1.0.0"
license = "MIT"
summary = "Pretends to be something"

[[source.archive]]
sha256 = "${digest}"
urls = ["https://nowhere.invalid/${name}-1.0.0.tar.gz"]

[build]
licenses = ["LICENSE"]

${steps.join('\n')}
[install]
ship = ${JSON.stringify(ship)}
`;
}

function formatToolchain(digest: string): string {
  return `kind = "toolchain"
name = "compiler"
version = "1.0.0"
license = "MIT"
summary = "Pretends to compile"
files = ["cc", "ar", "ld", "finalize.c", "empty.c"]

[[source.x86_64.archive]]
sha256 = "${digest}"
urls = ["https://nowhere.invalid/compiler-1.0.0.tar.gz"]
`;
}

/** Writes an empty file as the compiler's output; it runs with nothing else on PATH. */
const PRETENDED_COMPILER = `#!/bin/sh
output=a.out
while [ $# -gt 0 ]; do
  case $1 in
    -o) output=$2 ;;
  esac
  shift
done
: >"$output"
`;

const BUNDLE = `kind = "bundle"
name = "tiny"
version = "1.0.0"
license = "MIT"
summary = "Two files"
components = ["note", "pretender"]
services = ["tiny"]

[python]
interpreter = "pretender"
constraints = "constraints.txt"
`;

const SERVICE = `kind = "service"
name = "tiny"
summary = "Nothing"
`;
