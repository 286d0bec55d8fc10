import { describe, expect, it } from 'vitest';
import { buildGraph, toolNode, type Artifact } from '../../../src/build/plan.ts';
import { parsePlatform } from '../../../src/domain/platform.ts';
import type { Component, RecipeSet } from '../../../src/domain/recipe.ts';
import { hashBytes } from '../../../src/io/files.ts';
import { targetOf } from '../../fixtures/lock-target.ts';
import { makeComponent } from '../../support/releases.ts';

const [native, foreign] = ['x86_64-linux-gnu.2.17', 'aarch64-linux-gnu.2.17'].map((name) => {
  const platform = parsePlatform(name);
  if (platform === undefined) throw new TypeError(name);
  return platform;
});

/** `page` runs `python` when it is cross-built, and contains it; `site` only contains `page`. */
const PARTS = [
  makeComponent('zlib'),
  makeComponent('python', { inputs: ['zlib'], tools: ['python'] }),
  makeComponent('page', { inputs: ['python'], tools: ['python'] }),
  makeComponent('site', { inputs: ['page'] }),
];

function graphFor(platform = native, parts: readonly Component[] = PARTS) {
  if (platform === undefined) throw new TypeError();
  const named = new Map(parts.map((part) => [part.name, part]));
  const { set } = targetOf();
  const own: RecipeSet = { ...set, components: named, native: new Map(named) };
  return buildGraph({ names: ['site'], set: own, platform, buildArch: 'x86_64', store: undefined as never });
}

/** Artifacts of nodes; those of `changed` have other bytes. */
function artifactsOf(nodes: readonly string[], changed: readonly string[] = []): Map<string, Artifact> {
  return new Map(
    nodes.map((node) => {
      const sha256 = hashBytes(`${node} ${changed.includes(node) ? 'changed' : ''}`);
      return [node, { component: node.replace('tool:', ''), sha256, path: node, reused: true, time: 0 }];
    }),
  );
}

describe('the build graph', () => {
  it('has no tools unless the bundle is for another architecture', () => {
    expect(graphFor(native).order).toEqual(['zlib', 'python', 'page', 'site']);
  });

  it('has tools of a cross build before what runs them, for the build machine', () => {
    const { order, platformOf, componentOf } = graphFor(foreign);
    expect(order.toSorted()).toEqual(['page', 'python', 'site', 'tool:python', 'tool:zlib', 'zlib']);
    expect(order.indexOf(toolNode('python'))).toBeLessThan(order.indexOf('python'));
    expect(platformOf('tool:python')).toEqual(native);
    expect(platformOf('python')).toEqual(foreign);
    expect(componentOf('tool:python')).toMatchObject({ name: 'python' });
  });

  it('gives a step the tools that its recipe names, with their inputs, and no tools of its inputs', () => {
    const { order, toolArtifacts, inputArtifacts } = graphFor(foreign);
    const artifacts = artifactsOf(order);
    const paths = (list: readonly Artifact[]): string[] => list.map(({ path }) => path);
    expect(paths(toolArtifacts('page', artifacts))).toEqual(['tool:zlib', 'tool:python']);
    expect(paths(toolArtifacts('site', artifacts))).toEqual([]);
    expect(paths(inputArtifacts('page', artifacts))).toEqual(['zlib', 'python']);
    expect(paths(inputArtifacts('tool:python', artifacts))).toEqual(['tool:zlib']);
  });

  it('builds a tool under the key of the same component for this machine', () => {
    const [home, abroad] = [graphFor(native), graphFor(foreign)];
    const [input] = artifactsOf(['zlib']).values();
    if (input === undefined) throw new TypeError();
    expect(abroad.wantedOf('tool:python', new Map([['tool:zlib', input]]))).toEqual(
      home.wantedOf('python', new Map([['zlib', input]])),
    );
  });

  it('has the tools of a cross build in the key, and in no key of a native build', () => {
    const graph = graphFor(foreign);
    const keyWith = (node: string, changed: readonly string[]): string =>
      graph.wantedOf(node, artifactsOf(graph.order, changed)).key;
    expect(keyWith('page', ['tool:zlib'])).not.toBe(keyWith('page', []));
    expect(keyWith('site', ['tool:zlib'])).toBe(keyWith('site', []));
    const toolless = PARTS.map((part) => ({ ...part, tools: [] }));
    const [withTools, without] = [graphFor(native), graphFor(native, toolless)];
    for (const node of withTools.order)
      expect(withTools.wantedOf(node, artifactsOf(withTools.order))).toEqual(
        without.wantedOf(node, artifactsOf(withTools.order)),
      );
  });
});
