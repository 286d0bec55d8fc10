import { describe, expect, it } from 'vitest';
import { whyDistribution } from '../../../src/lock/why.ts';
import { demoLock } from './demo-lock.ts';

function lockOf(graph: Readonly<Record<string, readonly string[]>>, requirements: readonly string[]) {
  const [template] = demoLock().wheels;
  if (template === undefined) throw new Error('demo lock');
  const wheels = Object.entries(graph).map(([name, requires]) => ({ ...template, name, requires }));
  return { ...demoLock(), requirements, wheels, built: [] };
}

describe('whyDistribution', () => {
  it('shows the shortest chain through each requirer', () => {
    expect(whyDistribution(demoLock(), 'Native')).toEqual({
      name: 'native',
      version: '3.0',
      component: 'native',
      chains: [
        ['app', 'native'],
        ['app', 'lib', 'native'],
      ],
    });
  });

  it('shows a requirement of the bundle, however it is spelled', () => {
    const lock = lockOf({ 'a-b': ['c'], c: ['a-b'] }, ['A_b[extra]>=1; python_version > "3"', 'c']);
    expect(whyDistribution(lock, 'a.b')?.chains).toEqual([['a-b'], ['c', 'a-b']]);
  });

  it('ends in a graph with cycles, and shows no chain that passes the name itself', () => {
    const lock = lockOf({ a: ['b'], b: ['c'], c: ['b', 'a'] }, ['a']);
    expect(whyDistribution(lock, 'b')?.chains).toEqual([['a', 'b']]);
  });

  it('finds only parts of the bundle', () => {
    expect(whyDistribution(demoLock(), 'nothing')).toBeUndefined();
  });
});
