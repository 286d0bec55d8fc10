import { createHash } from 'node:crypto';
import { sha256, type Sha256 } from '../domain/digest.ts';
import { SOURCE_DATE_EPOCH } from '../domain/layout.ts';
import { formatPlatform, type Platform } from '../domain/platform.ts';
import type { Component, Toolchain } from '../domain/recipe.ts';

/**
 * Identifies the code that makes artifacts: the start of a digest over the modules that
 * test/unit/build/format.test.ts lists. That test fails until this constant matches them. It is a constant, so that
 * sources and compiled code have the same value.
 */
export const FORMAT = '8577f6c7dc93fdf7';

/** Digest of everything that determines how the toolchain compiles; of the machine, only its architecture counts. */
export function toolchainKey(toolchain: Toolchain, buildArch: string): Sha256 {
  const source = Object.entries(toolchain.sources).find(([arch]) => arch === buildArch)?.[1];
  return digestOf({
    format: FORMAT,
    version: toolchain.version,
    files: toolchain.files.map(({ file, sha256: digest }) => [file, digest]),
    archives: source?.archives.map((archive) => archive.sha256) ?? [],
  });
}

/**
 * Key of a component's artifact: its recipe as resolved, the bytes of its sources, patches and files, the toolchain,
 * the platform, and the artifacts of its inputs by digest. Rebuilding an input to the same bytes does not change the
 * key.
 */
export function buildKey(facts: {
  readonly component: Component;
  readonly platform: Platform;
  readonly toolchain: Sha256;
  /** Artifact digests of all inputs, direct and indirect, by name. */
  readonly inputs: ReadonlyMap<string, Sha256>;
}): Sha256 {
  const { component } = facts;
  return digestOf({
    format: FORMAT,
    epoch: SOURCE_DATE_EPOCH,
    platform: formatPlatform(facts.platform),
    toolchain: facts.toolchain,
    inputs: [...facts.inputs].sort(([a], [b]) => (a < b ? -1 : 1)),
    name: component.name,
    version: component.version,
    steps: component.steps,
    environment: component.environment,
    sources: component.sources.map(({ into, strip, archives }) => ({
      into,
      strip,
      archives: archives.map((archive) => archive.sha256),
    })),
    patches: component.patches.map(({ into, sha256: digest }) => ({ into, digest })),
    files: component.files.map(({ file, sha256: digest }) => ({ file, digest })),
    licenseFiles: component.licenseFiles,
    expect: component.expect,
  });
}

function digestOf(value: unknown): Sha256 {
  return sha256(createHash('sha256').update(canonicalJson(value)).digest('hex'));
}

/** JSON with sorted keys, so that equal values give equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
