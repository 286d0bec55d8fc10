import { KEY_CURVES, SBOM_FORMATS } from '../domain/results.ts';

/** How an option is written on the command line. */
export interface OptionSpec {
  /** `flag` takes no value; `optional` takes one only as `--name=VALUE` or as the next word. */
  readonly kind: 'flag' | 'value' | 'values' | 'optional';
  /** One letter, for `-x`. */
  readonly letter?: string;
  readonly metavar?: string;
  readonly help: string;
  /** The only allowed values. */
  readonly choices?: readonly string[];
  /** How the shell completes its value. */
  readonly completes?: 'file' | 'directory';
}

/** All options. A name means the same for every command, so that one parser serves all of them. */
export const OPTIONS = {
  help: { kind: 'flag', letter: 'h', help: 'show help and exit' },
  version: { kind: 'flag', letter: 'V', help: 'show the version and exit' },
  json: { kind: 'flag', help: 'print one JSON document on standard output, also on failure' },
  events: {
    kind: 'value',
    metavar: 'FORMAT',
    choices: ['ndjson'],
    help: 'report progress on standard error as JSON, one object per line',
  },
  quiet: { kind: 'flag', letter: 'q', help: 'print only errors, and signs of an attack, on standard error' },
  verbose: { kind: 'flag', letter: 'v', help: 'show every step, and every line that programs print' },
  color: { kind: 'flag', help: 'use no colour, even on a terminal' },
  platform: {
    kind: 'value',
    letter: 'p',
    metavar: 'PLATFORM',
    help: 'platform that the bundle runs on, for example x86_64-linux-gnu.2.17',
  },
  out: {
    kind: 'value',
    letter: 'o',
    metavar: 'DIR',
    completes: 'directory',
    help: 'directory for the result (default: out, in the project); delta, apply and oci also accept a file name',
  },
  base: {
    kind: 'value',
    metavar: 'LAYOUT',
    completes: 'file',
    help: 'image to build on, with glibc, sh and coreutils: an OCI image layout, a directory or a tar of one',
  },
  jobs: { kind: 'value', letter: 'j', metavar: 'N', help: 'processors to use (default: all)' },
  offline: {
    kind: 'flag',
    help: 'use no network; fail if something is neither in the store nor in a mirror directory',
  },
  mirror: {
    kind: 'values',
    metavar: 'DIR|URL',
    completes: 'directory',
    help: 'look here first for sources and wheels; may be repeated',
  },
  cache: {
    kind: 'value',
    metavar: 'DIR',
    completes: 'directory',
    help: 'directory of the store (default: the user cache directory)',
  },
  'cache-from': {
    kind: 'values',
    metavar: 'DIR|URL',
    completes: 'directory',
    help: 'take components from this shared build cache instead of compiling them; may be repeated',
  },
  'cache-key': {
    kind: 'values',
    metavar: 'KEY',
    completes: 'file',
    help: 'PEM file of the public key that signs the shared build caches; may be repeated: one of them is enough',
  },
  'cache-only': {
    kind: 'flag',
    help: 'compile nothing; fail if a component is neither in the store nor in a shared build cache',
  },
  recipes: {
    kind: 'value',
    metavar: 'DIR',
    completes: 'directory',
    help: 'directory of recipes (default: those of the project, otherwise those of ksbundle)',
  },
  lockfiles: {
    kind: 'value',
    metavar: 'DIR',
    completes: 'directory',
    help: 'directory of lockfiles (default: beside the recipes)',
  },
  url: {
    kind: 'value',
    metavar: 'URL',
    help: 'source archive to write the recipe for: https://…, or debian: and a path below pool/main/',
  },
  'dry-run': { kind: 'flag', letter: 'n', help: 'show what would be done and write nothing' },
  check: { kind: 'flag', help: 'write nothing; fail if the lockfile differs from the recipe' },
  upgrade: { kind: 'optional', metavar: 'NAME', help: 'choose newer versions of NAME, or of everything' },
  'min-age': {
    kind: 'value',
    metavar: 'DAYS',
    help: 'with --upgrade: minimum age of a version on the index, in days (default: 7)',
  },
  sign: {
    kind: 'values',
    metavar: 'KEY',
    completes: 'file',
    help: 'sign the result with this private key (ECDSA on P-256 or P-384, or ML-DSA, in PEM); once for each kind',
  },
  'with-sources': {
    kind: 'flag',
    help: 'also write an escrow archive: tarball, sources, wheels and ksbundle, for a rebuild with no network',
  },
  key: {
    kind: 'values',
    letter: 'k',
    metavar: 'KEY',
    completes: 'file',
    help: 'PEM file of an ECDSA (P-256, P-384) or ML-DSA key: the private one to sign, the public one to verify; once for each kind',
  },
  trust: {
    kind: 'flag',
    help: 'run the recipes inside the tarball without a signature check, even if they cannot be confined',
  },
  curve: {
    kind: 'value',
    metavar: 'CURVE',
    choices: KEY_CURVES,
    help: 'curve of the keys: p-256 (default) or p-384',
  },
  sbom: {
    kind: 'value',
    metavar: 'FORMAT',
    choices: SBOM_FORMATS,
    help: 'print the bill of materials instead: cyclonedx (1.6) or spdx (2.3)',
  },
  advisories: {
    kind: 'value',
    metavar: 'DB',
    completes: 'file',
    help: "look up the release's contents in this database of advisories: OSV's, NVD's, or both",
  },
  'max-age': {
    kind: 'value',
    metavar: 'DAYS',
    help: 'maximum age of the database, in days (default: 30)',
  },
  vex: {
    kind: 'flag',
    help: "print the release's statements on published vulnerabilities instead, as OpenVEX",
  },
  html: {
    kind: 'value',
    metavar: 'FILE',
    completes: 'file',
    help: 'write an HTML page about the tarball, readable without a network',
  },
  cra: {
    kind: 'value',
    metavar: 'FILE',
    completes: 'file',
    help: "write the release's part of the technical documentation under the EU Cyber Resilience Act, as Markdown",
  },
  'passphrase-file': {
    kind: 'value',
    metavar: 'FILE',
    completes: 'file',
    help: 'file with the passphrase of the private key in its first line',
  },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTIONS;

type FlagValue<Kind> = Kind extends 'flag' ? boolean : Kind extends 'values' ? readonly string[] : string;

/** The given options; `upgrade` without a name is the empty string. */
export type Flags = { readonly [Name in OptionName]?: FlagValue<(typeof OPTIONS)[Name]['kind']> };

/** Accepted by every command. */
export const GLOBAL_OPTIONS = [
  'help',
  'version',
  'json',
  'events',
  'quiet',
  'verbose',
  'color',
] as const satisfies OptionName[];

export const OPTION_NAMES: readonly OptionName[] = Object.keys(OPTIONS) as OptionName[];

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}

export function optionSpec(name: OptionName): OptionSpec {
  return OPTIONS[name];
}

/** How the option is written in help and messages: `--no-color` for the one that is on by default. */
export function optionText(name: OptionName): string {
  return name === 'color' ? '--no-color' : `--${name}`;
}

/** `--name`, and `-n` if it has a letter. */
export function optionSpellings(name: OptionName): readonly string[] {
  const { letter } = optionSpec(name);
  return letter === undefined ? [optionText(name)] : [optionText(name), `-${letter}`];
}

/** What follows the name in help: nothing, ` VALUE` or `[=VALUE]`. */
export function optionValue(name: OptionName): string {
  const { kind, metavar = 'VALUE' } = optionSpec(name);
  return kind === 'flag' ? '' : kind === 'optional' ? `[=${metavar}]` : ` ${metavar}`;
}
