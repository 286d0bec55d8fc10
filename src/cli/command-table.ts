import type { CommandSpec, PositionalSpec } from './command.ts';
import type { OptionName } from './options.ts';

const BUNDLE: PositionalSpec = {
  name: 'BUNDLE',
  required: false,
  help: 'bundle to work on; may be left out if there is only one, whose newest version it is',
};
const FILE: PositionalSpec = {
  name: 'FILE',
  required: true,
  help: 'tarball, or - for standard input',
  completes: 'file',
};

const RECIPE_OPTIONS: readonly OptionName[] = ['platform', 'recipes', 'lockfiles', 'cache'];
const FETCH_OPTIONS: readonly OptionName[] = ['offline', 'mirror', 'jobs'];

/** All commands, in the order of the help. Single source for parsing, help, completion and docs/cli.md. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'build',
    summary: 'build a bundle and print the path of its tarball',
    positionals: [BUNDLE],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'out', 'sign', 'passphrase-file', 'dry-run'],
    examples: [
      { command: 'build keystone', does: 'fetch, compile, relocate, audit and pack' },
      { command: 'build keystone --offline --mirror /media/usb', does: 'the same with no network' },
      { command: 'build keystone --sign release.key', does: 'and sign it with a key that keygen made' },
      { command: 'build keystone --dry-run', does: 'what would be done' },
    ],
    load: () => import('./commands/build.ts'),
  },
  {
    name: 'try',
    summary: 'build if needed, boot on loopback, print URL, token and how to stop',
    positionals: [BUNDLE],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'out'],
    examples: [{ command: 'try keystone', does: 'a running Keystone on free ports of this machine' }],
    load: () => import('./commands/try.ts'),
  },
  {
    name: 'rebuild',
    summary: 'build a tarball again from the recipes inside it, and compare',
    positionals: [FILE],
    options: ['cache', ...FETCH_OPTIONS, 'out'],
    examples: [
      {
        command: 'rebuild keystone-30.0.0-1-linux-x86_64.tar.gz',
        does: 'exit code 4 if a byte differs; nothing that was built before is used',
      },
      {
        command: 'rebuild keystone-30.0.0-1-linux-x86_64.tar.gz --out again',
        does: 'and keep what was built',
      },
    ],
    load: () => import('./commands/rebuild.ts'),
  },
  {
    name: 'lock',
    summary: 'resolve wheels and sources into the lockfile',
    positionals: [BUNDLE],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'check', 'upgrade', 'dry-run'],
    examples: [
      { command: 'lock keystone', does: 'resolve what the lockfile does not have yet' },
      { command: 'lock keystone --check', does: 'fail if recipe and lockfile differ; for CI' },
      { command: 'lock keystone --upgrade=sqlalchemy', does: 'a newer SQLAlchemy, all else as it is' },
    ],
    load: () => import('./commands/lock.ts'),
  },
  {
    name: 'fetch',
    summary: 'bring everything that the build needs into the store',
    positionals: [BUNDLE],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'dry-run'],
    examples: [{ command: 'fetch keystone', does: 'so that a later build needs no network' }],
    load: () => import('./commands/fetch.ts'),
  },
  {
    name: 'mirror',
    summary: 'write everything that the build needs into a directory for another machine',
    positionals: [
      { name: 'DIR', required: true, help: 'directory to write to', completes: 'directory' },
      BUNDLE,
    ],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'dry-run'],
    examples: [
      {
        command: 'mirror /media/usb keystone',
        does: 'then, there: ksbundle build --offline --mirror /media/usb',
      },
    ],
    load: () => import('./commands/mirror.ts'),
  },
  {
    name: 'audit',
    summary: 'check a tarball or an unpacked release against every rule',
    positionals: [
      {
        name: 'PATH',
        required: true,
        help: 'tarball, directory, or - for a tarball on standard input',
        completes: 'file',
      },
    ],
    options: [...RECIPE_OPTIONS, 'advisories', 'max-age'],
    examples: [
      {
        command: 'audit out/keystone-30.0.0-1-linux-x86_64.tar.gz',
        does: 'exit code 5 if there are findings',
      },
      {
        command: 'audit out/keystone-30.0.0-1-linux-x86_64.tar.gz --advisories osv',
        does: 'also if a vulnerability is known of anything in it, by all.zip of PyPI in osv/',
      },
    ],
    load: () => import('./commands/audit.ts'),
  },
  {
    name: 'keygen',
    summary: 'make a pair of keys to sign releases with',
    positionals: [
      {
        name: 'FILE',
        required: true,
        help: 'where the private key goes; the public one goes to FILE.pub',
        completes: 'file',
      },
    ],
    options: ['passphrase-file'],
    examples: [
      { command: 'keygen release.key', does: 'release.key to sign with, release.key.pub to give away' },
      { command: 'keygen release.key --passphrase-file secret', does: 'the private key encrypted' },
    ],
    load: () => import('./commands/keygen.ts'),
  },
  {
    name: 'sign',
    summary: 'check a tarball and sign it, in place of any former signature',
    positionals: [{ name: 'FILE', required: true, help: 'tarball', completes: 'file' }],
    options: ['key', 'passphrase-file'],
    examples: [
      {
        command: 'sign keystone-30.0.0-1-linux-x86_64.tar.gz --key release.key',
        does: 'its payload keeps every byte',
      },
    ],
    load: () => import('./commands/sign.ts'),
  },
  {
    name: 'verify',
    summary: 'check every byte of a tarball against its checksums and its signature',
    positionals: [FILE],
    options: ['key'],
    examples: [
      { command: 'verify keystone-30.0.0-1-linux-x86_64.tar.gz', does: 'exit code 4 if a byte is wrong' },
      {
        command: 'verify keystone-30.0.0-1-linux-x86_64.tar.gz --key release.key.pub',
        does: 'and unless the owner of that key signed it',
      },
    ],
    load: () => import('./commands/verify.ts'),
  },
  {
    name: 'inspect',
    summary: 'show what is inside a tarball: components, versions, licences, sizes',
    positionals: [FILE],
    options: [...RECIPE_OPTIONS, 'sbom', 'vex', 'html', 'advisories', 'max-age'],
    examples: [
      { command: 'inspect keystone-30.0.0-1-linux-x86_64.tar.gz --json', does: 'the same for programs' },
      {
        command: 'inspect keystone-30.0.0-1-linux-x86_64.tar.gz --sbom spdx > keystone.spdx.json',
        does: 'its bill of materials as SPDX',
      },
      {
        command: 'inspect keystone-30.0.0-1-linux-x86_64.tar.gz --html report.html',
        does: 'sizes, licences, findings, dependencies and times as a page for a browser',
      },
    ],
    load: () => import('./commands/inspect.ts'),
  },
  {
    name: 'diff',
    summary: 'show what differs between two tarballs: versions, sizes, files',
    positionals: [
      { ...FILE, name: 'OLD' },
      { ...FILE, name: 'NEW' },
    ],
    options: [],
    examples: [
      {
        command: 'diff keystone-29.1.0-1-linux-x86_64.tar.gz keystone-30.0.0-1-linux-x86_64.tar.gz',
        does: 'what an upgrade changes',
      },
      { command: 'diff mine.tar.gz theirs.tar.gz --json', does: 'every file, for programs' },
    ],
    load: () => import('./commands/diff.ts'),
  },
  {
    name: 'delta',
    summary: 'make what is missing to a newer tarball for whoever has the older one',
    positionals: [
      { ...FILE, name: 'OLD' },
      { ...FILE, name: 'NEW' },
    ],
    options: ['out'],
    examples: [
      {
        command: 'delta keystone-29.1.0-1-linux-x86_64.tar.gz keystone-30.0.0-1-linux-x86_64.tar.gz',
        does: 'a file of a hundredth of the size, to carry instead',
      },
    ],
    load: () => import('./commands/delta.ts'),
  },
  {
    name: 'apply',
    summary: 'make the newer tarball of the older one and a delta',
    positionals: [
      { ...FILE, name: 'OLD' },
      { ...FILE, name: 'DELTA', help: 'what ksbundle delta made, or - for standard input' },
    ],
    options: ['out', 'key'],
    examples: [
      {
        command: 'apply keystone-29.1.0-1-linux-x86_64.tar.gz keystone.delta --out .',
        does: 'the newer tarball, byte for byte; exit code 4 if it was not made from this one',
      },
      {
        command: 'apply keystone-29.1.0-1-linux-x86_64.tar.gz keystone.delta --key release.key.pub',
        does: 'and unless the owner of that key signed it',
      },
    ],
    load: () => import('./commands/apply.ts'),
  },
  {
    name: 'why',
    summary: 'show which recipe or wheel brought a name in',
    positionals: [{ name: 'NAME', required: true, help: 'component or Python distribution' }, BUNDLE],
    options: [...RECIPE_OPTIONS],
    examples: [{ command: 'why greenlet', does: 'every chain from the bundle to greenlet' }],
    load: () => import('./commands/why.ts'),
  },
  {
    name: 'cache path',
    summary: 'print the directory of the store',
    positionals: [],
    options: ['cache'],
    examples: [{ command: 'cache path', does: 'where sources and built components are kept' }],
    load: () => import('./commands/cache-path.ts'),
  },
  {
    name: 'cache list',
    summary: 'list what is in the store',
    positionals: [],
    options: ['cache'],
    examples: [{ command: 'cache list --json', does: 'digests and sizes for programs' }],
    load: () => import('./commands/cache-list.ts'),
  },
  {
    name: 'cache verify',
    summary: 'read every entry of the store and remove damaged ones',
    positionals: [],
    options: ['cache'],
    examples: [{ command: 'cache verify', does: 'exit code 4 if an entry was damaged' }],
    load: () => import('./commands/cache-verify.ts'),
  },
  {
    name: 'cache gc',
    summary: 'remove what was not used for thirty days',
    positionals: [],
    options: ['cache', 'dry-run'],
    examples: [{ command: 'cache gc --dry-run', does: 'what would go, and how much room it takes' }],
    load: () => import('./commands/cache-gc.ts'),
  },
  {
    name: 'recipes',
    summary: 'list what can be built',
    positionals: [],
    options: ['platform', 'recipes'],
    examples: [{ command: 'recipes', does: 'bundles first, then their components' }],
    load: () => import('./commands/recipes.ts'),
  },
  {
    name: 'completion',
    summary: 'print the completion script of a shell',
    positionals: [{ name: 'SHELL', required: true, help: 'bash, zsh or fish', completes: 'shell' }],
    options: [],
    examples: [
      { command: 'completion bash > ~/.local/share/bash-completion/completions/ksbundle', does: 'for bash' },
      { command: 'completion fish > ~/.config/fish/completions/ksbundle.fish', does: 'for fish' },
    ],
    load: () => import('./commands/completion.ts'),
  },
];

/** First words of commands that have subcommands, with the second words. */
export function subcommandsOf(word: string): readonly string[] {
  return COMMANDS.filter(({ name }) => name.startsWith(`${word} `)).map(({ name }) =>
    name.slice(word.length + 1),
  );
}

/** The first words of all commands, each once. */
export function topLevelWords(): readonly string[] {
  return [...new Set(COMMANDS.map(({ name }) => name.split(' ')[0] ?? name))];
}
