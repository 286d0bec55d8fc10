import type { CommandSpec } from '../command.ts';
import { BUNDLE, FETCH_OPTIONS, RECIPE_OPTIONS } from './shared.ts';

/** Commands about ksbundle itself. */
export const HOUSEKEEPING: readonly CommandSpec[] = [
  {
    name: 'doctor',
    summary: 'check whether this host can build, and say what to do about what it lacks',
    positionals: [
      { ...BUNDLE, help: 'bundle whose recipes and sources to check; by default, all that build may mean' },
    ],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'cache-from', 'cache-key', 'out'],
    examples: [
      { command: 'doctor', does: 'exit code 3 if a build cannot work here' },
      { command: 'doctor hello --json', does: 'the same for programs, for one bundle' },
    ],
    load: () => import('../commands/doctor.ts'),
  },
  {
    name: 'cache path',
    summary: 'print the directory of the store',
    positionals: [],
    options: ['cache'],
    examples: [{ command: 'cache path', does: 'where sources and built components are kept' }],
    load: () => import('../commands/cache-path.ts'),
  },
  {
    name: 'cache list',
    summary: 'list what is in the store',
    positionals: [],
    options: ['cache'],
    examples: [{ command: 'cache list --json', does: 'digests and sizes for programs' }],
    load: () => import('../commands/cache-list.ts'),
  },
  {
    name: 'cache verify',
    summary: 'read every entry of the store and remove damaged ones',
    positionals: [],
    options: ['cache'],
    examples: [{ command: 'cache verify', does: 'exit code 4 if an entry was damaged' }],
    load: () => import('../commands/cache-verify.ts'),
  },
  {
    name: 'cache gc',
    summary: 'remove entries that were not used for thirty days',
    positionals: [],
    options: ['cache', 'dry-run'],
    examples: [
      { command: 'cache gc --dry-run', does: 'show what would be removed, and how much space that frees' },
    ],
    load: () => import('../commands/cache-gc.ts'),
  },
  {
    name: 'cache export',
    summary: 'write built components, signed, into a directory that other machines can build from',
    positionals: [
      {
        name: 'DIR',
        required: true,
        help: 'directory to write to, which may have earlier exports',
        completes: 'directory',
      },
      {
        ...BUNDLE,
        several: true,
        help: 'bundles whose components to write; by default, every component in the store',
      },
    ],
    options: [...RECIPE_OPTIONS, 'sign', 'passphrase-file'],
    examples: [
      {
        command: 'cache export /srv/cache hello --sign cache.key',
        does: 'then, on other machines: ksbundle build hello --cache-from URL --cache-key cache.key.pub',
      },
    ],
    load: () => import('../commands/cache-export.ts'),
  },
  {
    name: 'cache distrust',
    summary: 'forget every component that came from a shared build cache under a key',
    positionals: [{ name: 'KEY', required: true, help: 'PEM file of the public key', completes: 'file' }],
    options: ['cache'],
    examples: [
      {
        command: 'cache distrust cache.key.pub',
        does: 'the next build takes them from elsewhere, or compiles',
      },
    ],
    load: () => import('../commands/cache-distrust.ts'),
  },
  {
    name: 'recipes',
    summary: 'list what can be built',
    positionals: [],
    options: ['platform', 'recipes'],
    examples: [{ command: 'recipes', does: 'bundles first, then their components' }],
    load: () => import('../commands/recipes.ts'),
  },
  {
    name: 'completion',
    summary: 'print the completion script for a shell',
    positionals: [{ name: 'SHELL', required: true, help: 'bash, zsh or fish', completes: 'shell' }],
    options: [],
    examples: [
      { command: 'completion bash > ~/.local/share/bash-completion/completions/ksbundle', does: 'for bash' },
      { command: 'completion fish > ~/.config/fish/completions/ksbundle.fish', does: 'for fish' },
    ],
    load: () => import('../commands/completion.ts'),
  },
];
