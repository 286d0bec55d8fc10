// Makes the profile of recipes/cpython: builds CPython with counters, lets it do the work of work.py, and writes what was
// counted. Usage, as root on Debian: node tools/profile/make.mjs KEYSTONE-TARBALL. CONTRIBUTING.md says
// when and with what.
import { execFileSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { openBuilder } from '../component-builder.mjs';

const ROOT = path.join(import.meta.dirname, '../..');
/** LLVM of Debian, of the major version of the toolchain's Clang: the two write and read the same format. */
const PROFDATA = 'llvm-profdata-22';
const RUNTIME = '/usr/lib/llvm-22/lib/clang/22/lib/linux/libclang_rt.profile-x86_64.a';

const run = (program, parameters, options = {}) =>
  execFileSync(program, parameters, { encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'], ...options });

/** Builds CPython with counters from the recipe, with the same flags otherwise; returns the path of its artifact. */
async function buildInstrumented() {
  const { set, build } = await openBuilder({
    mirrors: (process.env.KSBUNDLE_MIRROR ?? '').split(' ').filter(Boolean),
    cacheDirectory: process.env.KSBUNDLE_CACHE ?? path.join(os.homedir(), '.cache/ksbundle'),
    emit: ({ type, step }) => type === 'task-step' && process.stderr.write(`${step}\n`),
  });
  const cpython = set.components.get('cpython');
  const { CFLAGS_NODIST: compile, LDFLAGS_NODIST: link } = cpython.environment;
  const instrumented = {
    ...cpython,
    steps: cpython.steps.filter(({ name }) => name !== 'unpack-profile'),
    environment: {
      ...cpython.environment,
      CFLAGS_NODIST: compile.replace(/-fprofile-use=\S+ -Werror=\S+/, '-fprofile-generate'),
      LDFLAGS_NODIST: `${link} -Wl,-u,__llvm_profile_runtime ${RUNTIME}`,
      // The build's own runs count for nothing.
      LLVM_PROFILE_FILE: '/dev/null',
    },
  };
  const changed = { ...set, components: new Map(set.components).set('cpython', instrumented) };
  const artifacts = await build(['cpython'], changed);
  return { version: cpython.version, artifact: artifacts.get('cpython').path };
}

/** Installs the release with cheap passwords, and lets the interpreter work on its Keystone, with its cache running. */
function work({ release, interpreter, counts }) {
  const bootstrap = path.join(release, 'init/bootstrap.sh');
  const instance = path.join(release, 'instance');
  const port = String(20000 + (process.pid % 10000));
  try {
    run(bootstrap, ['install', '--host=127.0.0.1', `--port=${port}`]);
    const settings = path.join(instance, 'etc/keystone.conf.d/profile.conf');
    writeFileSync(settings, '[identity]\npassword_hash_rounds = 4\n');
    const { uid, gid } = statSync(path.join(instance, 'data/keystone.db'));
    const account = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
    for (const file of ['tools/profile/work.py', 'test/support/wsgi_client.py'])
      copyFileSync(path.join(ROOT, file), path.join(path.dirname(release), path.basename(file)));
    const script = path.join(path.dirname(release), 'work.py');
    const site = path.join(release, 'lib/python3.13/site-packages');
    const argv = [
      path.join(interpreter, 'bin/python3'),
      '-I',
      '-S',
      script,
      site,
      path.join(instance, 'etc/keystone.wsgi'),
    ];
    run('setpriv', [...account, ...argv], {
      input: readFileSync(path.join(instance, 'admin-password')),
      env: {
        PATH: '/usr/bin:/bin',
        LD_LIBRARY_PATH: [interpreter, release].map((directory) => path.join(directory, 'lib')).join(':'),
        // %m: one file for each library that counts.
        LLVM_PROFILE_FILE: path.join(counts, '%m.profraw'),
      },
    });
  } finally {
    run(bootstrap, ['stop']);
  }
}

const [tarball] = process.argv.slice(2);
if (tarball === undefined) throw new Error('usage: node tools/profile/make.mjs KEYSTONE-TARBALL');
run(PROFDATA, ['--version']);
accessSync(RUNTIME);
const { version, artifact } = await buildInstrumented();
const directory = mkdtempSync(path.join(os.tmpdir(), 'ksbundle-profile-'));
try {
  chmodSync(directory, 0o755);
  const inDirectory = (name) => path.join(directory, name);
  const [interpreter, counts] = ['interpreter', 'counts'].map(inDirectory);
  for (const made of [interpreter, counts]) mkdirSync(made);
  // The service's account writes here.
  chmodSync(counts, 0o777);
  run('tar', ['xf', artifact, '-C', interpreter]);
  run('tar', ['xf', tarball, '-C', directory]);
  work({ release: inDirectory(path.basename(tarball, '.tar.gz')), interpreter, counts });
  const profile = inDirectory(`${version}.profdata`);
  // Functions of which helper programs of the build have others of the same name.
  const ambiguous = '--no-function=^(main|_PyConfig_InitPathConfig)$';
  run(PROFDATA, ['merge', ambiguous, `--output=${profile}`, counts]);
  run('xz', ['-9e', profile]);
  const target = path.join(ROOT, 'recipes/cpython/profile');
  for (const former of readdirSync(target)) rmSync(path.join(target, former));
  copyFileSync(`${profile}.xz`, path.join(target, `${version}.profdata.xz`));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
