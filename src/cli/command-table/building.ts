import type { CommandSpec } from '../command.ts';
import { BUNDLE, FETCH_OPTIONS, FILE, NAME, RECIPE_OPTIONS, SHARED_CACHE_OPTIONS } from './shared.ts';

/** Commands that make tarballs, or what they are made of. */
export const BUILDING: readonly CommandSpec[] = [
  {
    name: 'new bundle',
    summary: 'write a bundle that builds as it is: recipe, service, application and lockfile',
    positionals: [NAME],
    options: RECIPE_OPTIONS,
    examples: [
      { command: 'new bundle hello', does: 'in an empty directory: a project that you can build and try' },
    ],
    load: () => import('../commands/new-bundle.ts'),
  },
  {
    name: 'new component',
    summary: 'write a recipe for software that is built from source',
    positionals: [NAME],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'url'],
    examples: [
      { command: 'new component greeter', does: 'a recipe and a small C program to build' },
      {
        command: 'new component zlib-ng --url https://example.org/zlib-ng-2.2.4.tar.gz',
        does: 'a recipe for that archive, pinned by its digest',
      },
    ],
    load: () => import('../commands/new-component.ts'),
  },
  {
    name: 'new service',
    summary: 'write a service: what an instance of a bundle runs',
    positionals: [NAME],
    options: RECIPE_OPTIONS,
    examples: [{ command: 'new service hello', does: 'a service to add to the "services" of a bundle' }],
    load: () => import('../commands/new-service.ts'),
  },
  {
    name: 'build',
    summary: 'build a bundle and print the path of its tarball',
    positionals: [BUNDLE],
    options: [
      ...RECIPE_OPTIONS,
      ...FETCH_OPTIONS,
      ...SHARED_CACHE_OPTIONS,
      'out',
      'sign',
      'passphrase-file',
      'with-sources',
      'dry-run',
    ],
    examples: [
      { command: 'build hello', does: 'fetch, compile, relocate, audit and pack' },
      { command: 'build hello --offline --mirror /media/usb', does: 'the same with no network' },
      {
        command: 'build hello --cache-from https://cache.example.org --cache-key cache.key.pub',
        does: 'take what others built and signed, and compile only the rest',
      },
      { command: 'build hello --sign release.key', does: 'also sign it with a key from keygen' },
      {
        command: 'build hello --with-sources',
        does: 'also write an archive with everything needed to rebuild it offline',
      },
      { command: 'build hello --dry-run', does: 'show what would be done' },
    ],
    load: () => import('../commands/build.ts'),
  },
  {
    name: 'try',
    summary: 'build if needed, start it on loopback, print its URL and how to stop and remove it',
    positionals: [BUNDLE],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, ...SHARED_CACHE_OPTIONS, 'out'],
    examples: [{ command: 'try hello', does: 'the service, running on a free port of this machine' }],
    load: () => import('../commands/try.ts'),
  },
  {
    name: 'rebuild',
    summary: 'build a tarball again from the recipes inside it, and compare',
    positionals: [{ ...FILE, help: 'tarball or escrow archive, or - for standard input' }],
    options: ['cache', ...FETCH_OPTIONS, 'out', 'key', 'trust'],
    examples: [
      {
        command: 'rebuild hello-2.0-1-linux-x86_64.tar.gz --key release.key.pub',
        does: 'exit code 4 if a byte differs, or if the owner of that key did not sign it',
      },
      {
        command: 'rebuild hello-2.0-1-linux-x86_64.tar.gz --trust --out again',
        does: 'rebuild an unsigned one, and keep what was built',
      },
    ],
    load: () => import('../commands/rebuild.ts'),
  },
  {
    name: 'lock',
    summary: 'choose wheels and pin them, and all sources, in the lockfile',
    positionals: [BUNDLE],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'check', 'upgrade', 'min-age', 'dry-run'],
    examples: [
      { command: 'lock hello', does: 'pin everything that is missing in the lockfile' },
      { command: 'lock hello --check', does: 'fail if recipe and lockfile differ; for CI' },
      { command: 'lock hello --upgrade=flask', does: 'choose a newer Flask, keep everything else' },
    ],
    load: () => import('../commands/lock.ts'),
  },
  {
    name: 'fetch',
    summary: 'download everything that the build needs into the store',
    positionals: [BUNDLE],
    options: [...RECIPE_OPTIONS, ...FETCH_OPTIONS, 'dry-run'],
    examples: [{ command: 'fetch hello', does: 'so that a later build needs no network' }],
    load: () => import('../commands/fetch.ts'),
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
        command: 'mirror /media/usb hello',
        does: 'then, on the other machine: ksbundle build --offline --mirror /media/usb',
      },
    ],
    load: () => import('../commands/mirror.ts'),
  },
];
