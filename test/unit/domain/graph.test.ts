import { describe, expect, it } from 'vitest';
import {
  dependenciesFirst,
  dependencyOrder,
  findCycles,
  transitiveDependencies,
} from '../../../src/domain/graph.ts';

function edges(graph: Readonly<Record<string, readonly string[]>>) {
  return (name: string): readonly string[] => graph[name] ?? [];
}

const DIAMOND = edges({ httpd: ['openssl', 'apr'], apr: ['expat'], openssl: ['zlib'], expat: ['zlib'] });

describe('dependencyOrder', () => {
  it('puts dependencies first and everything once', () => {
    expect(dependencyOrder(['httpd'], DIAMOND)).toEqual(['zlib', 'expat', 'apr', 'openssl', 'httpd']);
  });

  it('does not depend on the order of the names or of the edges', () => {
    const turned = edges({ httpd: ['apr', 'openssl'], apr: ['expat'], openssl: ['zlib'], expat: ['zlib'] });
    expect(dependencyOrder(['zlib', 'openssl', 'httpd'], turned)).toEqual(
      dependencyOrder(['httpd'], DIAMOND),
    );
  });

  it('ends on a cycle', () => {
    expect(dependencyOrder(['a'], edges({ a: ['b'], b: ['a'] }))).toEqual(['b', 'a']);
  });
});

describe('dependenciesFirst', () => {
  it('keeps the order of names if dependencies allow it', () => {
    expect(dependenciesFirst(['zlib', 'httpd', 'expat'], DIAMOND)).toEqual([
      'zlib',
      'openssl',
      'expat',
      'apr',
      'httpd',
    ]);
  });
});

describe('transitiveDependencies', () => {
  it('reaches through others and leaves the node itself out', () => {
    expect(transitiveDependencies('apr', DIAMOND)).toEqual(['zlib', 'expat']);
    expect(transitiveDependencies('zlib', DIAMOND)).toEqual([]);
  });
});

describe('findCycles', () => {
  it('finds none in a graph without', () => {
    expect(findCycles(['httpd'], DIAMOND)).toEqual([]);
  });

  it('shows each cycle once, from its smallest node on', () => {
    const graph = edges({ c: ['a'], a: ['b'], b: ['c', 'd'], d: ['e'], e: ['d'], f: ['f'] });
    expect(findCycles(['c', 'b', 'a', 'd', 'e', 'f'], graph)).toEqual([
      ['a', 'b', 'c', 'a'],
      ['d', 'e', 'd'],
      ['f', 'f'],
    ]);
  });
});
