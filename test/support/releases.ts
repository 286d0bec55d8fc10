import path from 'node:path';
import { sha256 } from '../../src/domain/digest.ts';
import type { Bundle, Component, ServiceRecipe } from '../../src/domain/recipe.ts';
import { packTree } from '../../src/io/archive.ts';
import { writeTree, type TreeContent } from './archives.ts';

const origin = { file: '/recipes/x/recipe.toml', sha256: sha256('0'.repeat(64)) };

export function makeComponent(name: string, changes: Partial<Component> = {}): Component {
  return {
    kind: 'component',
    name,
    version: '1.0',
    license: 'MIT',
    summary: `${name}, for tests`,
    sources: [],
    weight: 1,
    inputs: [],
    tools: [],
    steps: [],
    environment: {},
    patches: [],
    files: [],
    licenseFiles: [],
    ship: ['bin/**', 'lib/**'],
    drop: [],
    expect: [],
    exceptions: [],
    embeds: [],
    statements: [],
    pluginHosts: [],
    distributions: [],
    origin,
    ...changes,
  };
}

export function makeBundle(
  changes: Partial<Omit<Bundle, 'python'>> & { readonly python?: Partial<Bundle['python']> } = {},
): Bundle {
  const { python, ...rest } = changes;
  return {
    kind: 'bundle',
    name: 'demo',
    family: 'demo',
    version: '1.0',
    revision: 1,
    upgradeFrom: '1.0',
    license: 'MIT',
    summary: 'a bundle for tests',
    components: ['cpython'],
    support: {},
    services: [makeService('demo')],
    answers: [],
    drop: [],
    exceptions: [],
    embeds: [],
    statements: [],
    origin,
    ...rest,
    python: {
      reduced: false,
      interpreter: 'cpython',
      requirements: [],
      constraints: '/constraints.txt',
      constraintsSha256: sha256('0'.repeat(64)),
      overrides: [],
      excludes: [],
      licenses: [],
      launchers: [],
      precompile: [],
      ...python,
    },
  };
}

/** A service that does nothing, with its files in `directory`. */
export function makeService(name: string, directory = `/services/${name}`): ServiceRecipe {
  return {
    service: {
      name,
      summary: `${name}, for tests`,
      hooks: false,
      listeners: [],
      directories: [],
      files: [],
      daemons: [],
      secrets: [],
      proofs: [],
      needs: [],
      provides: {},
    },
    directory,
    answers: [],
    tries: [],
    generations: [],
    pages: [],
    origin,
  };
}

/** Packs an artifact of `component` with this content and a licence text, unless the content has one. */
export async function makeArtifact(
  directory: string,
  component: Component,
  content: TreeContent,
): Promise<string> {
  const artifact = path.join(directory, `${component.name}.tar`);
  const root = await writeTree(path.join(directory, `${component.name}-tree`), content);
  await packTree(root, artifact);
  return artifact;
}
