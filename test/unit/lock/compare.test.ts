import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/domain/digest.ts';
import { compareLocks } from '../../../src/lock/compare.ts';
import { demoLock } from './demo-lock.ts';

describe('compareLocks', () => {
  it('finds nothing between equal ones', () => {
    expect(compareLocks(demoLock(), demoLock())).toEqual([]);
  });

  it('shows old and new versions, by name', () => {
    const after = demoLock();
    const wheels = after.wheels.map((wheel) =>
      wheel.name === 'lib'
        ? { ...wheel, version: '2.1', sha256: sha256('c'.repeat(64)) }
        : { ...wheel, name: 'zapp' },
    );
    expect(compareLocks(demoLock(), { ...after, wheels })).toEqual([
      { kind: 'removed', name: 'app', from: '1.0' },
      { kind: 'changed', name: 'lib', from: '2.0', to: '2.1' },
      { kind: 'added', name: 'zapp', to: '1.0' },
    ]);
  });

  it('shows files and digests if only they differ', () => {
    const after = demoLock();
    const [app, lib] = after.wheels;
    if (app === undefined || lib === undefined) throw new Error('demo lock');
    const other = sha256('c'.repeat(64));
    expect(compareLocks(demoLock(), { ...after, wheels: [{ ...app, sha256: other }, lib] })).toEqual([
      { kind: 'changed', name: 'app', from: `1.0 ${app.file} ${app.sha256}`, to: `1.0 ${app.file} ${other}` },
    ]);
  });

  it('shows everything as added if there was none', () => {
    expect(compareLocks(undefined, demoLock()).map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'added app',
      'added cpython',
      'added lib',
      'added native',
      'added zig',
      'added zlib',
    ]);
  });
});
