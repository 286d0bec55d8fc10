import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../src/domain/digest.ts';
import { hashBytes } from '../../../src/io/files.ts';
import { checkLock, requireCurrentLock, requireNewDigests } from '../../../src/lock/check.ts';
import type { LockTarget } from '../../../src/lock/inputs.ts';
import { componentOf, targetOf, type TargetParts } from '../../fixtures/lock-target.ts';
import { demoLock, demoTarget } from './demo-lock.ts';

const NATIVE = componentOf('native', '3.0', { distributions: ['native'] });

function changed(parts: TargetParts): LockTarget {
  return targetOf({ components: [NATIVE], ...parts });
}

function messages(target: LockTarget): string[] {
  return checkLock(demoLock(), target).map(({ message }) => message);
}

describe('checkLock', () => {
  it('finds nothing in a current lockfile', () => {
    expect(checkLock(demoLock(), demoTarget())).toEqual([]);
    expect(() => requireCurrentLock(demoLock(), 'demo.json', demoTarget())).not.toThrow();
  });

  it('names a changed source with both digests', () => {
    const other = sha256('a'.repeat(64));
    const native = {
      ...NATIVE,
      sources: [{ into: '.', strip: 1, archives: [{ sha256: other, file: 'native-3.0.tar.gz', urls: [] }] }],
    };
    expect(messages(changed({ components: [native] }))).toEqual([
      `source native 3.0: recipe has 3.0 native-3.0.tar.gz ${other}, lock has 3.0 native-3.0.tar.gz ${hashBytes('native-3.0.tar.gz')}`,
    ]);
  });

  it('refuses a new version whose file has the digest of the old one', () => {
    const archive = { sha256: hashBytes('native-3.0.tar.gz'), file: 'native-3.1.tar.gz', urls: [] };
    const next = { ...NATIVE, version: '3.1', sources: [{ into: '.', strip: 1, archives: [archive] }] };
    expect(() => requireNewDigests(demoLock(), changed({ components: [next] }))).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({
          code: 'KSB_DIGEST_KEPT',
          problems: [
            {
              code: 'digest-kept',
              message: 'native 3.1: the digest of native-3.1.tar.gz is still that of native-3.0.tar.gz',
            },
          ],
        }),
      }),
    );
    // The same file by another name, and a version that was mistyped.
    for (const part of [{ version: '3.0' }, { sources: NATIVE.sources }])
      expect(() =>
        requireNewDigests(demoLock(), changed({ components: [{ ...next, ...part }] })),
      ).not.toThrow();
  });

  it('names added and removed components', () => {
    expect(messages(changed({ components: [NATIVE, componentOf('new', '1')] }))).toEqual([
      `source new 1: recipe has 1 new-1.tar.gz ${hashBytes('new-1.tar.gz')}, lock has none`,
    ]);
    expect(messages(changed({ components: [] }))).toEqual([
      `source native: not in the recipes, lock has 3.0 native-3.0.tar.gz ${hashBytes('native-3.0.tar.gz')}`,
      'built distribution native 3.0 of native: not in the recipe',
    ]);
  });

  it('looks at inputs of components, and not at components that are not in the bundle', () => {
    const target = demoTarget();
    const components = new Map(target.set.components);
    components.set('unrelated', componentOf('unrelated', '2.0'));
    expect(messages({ ...target, set: { ...target.set, components } })).toEqual([]);
    components.set('zlib', componentOf('zlib', '1.3.3'));
    expect(messages({ ...target, set: { ...target.set, components } })).toEqual([
      expect.stringMatching(/^source zlib 1\.3\.3: recipe has 1\.3\.3 .*, lock has 1\.3\.2 /),
    ]);
  });

  it.each<[string, TargetParts, string[]]>([
    [
      'requirements',
      { python: { requirements: ['app==2.0'] } },
      ['requirement app==2.0: not in the lock', 'requirement app==1.0: not in the recipe'],
    ],
    [
      'overrides',
      {
        python: {
          overrides: [{ distribution: 'Lib', version: '2.1', reason: 'r', test: 't', date: '2026-11-29' }],
        },
      },
      ['override lib==2.1: not in the lock'],
    ],
    [
      'excludes',
      { python: { excludes: [{ distribution: 'lib', reason: 'r' }] } },
      ['exclude lib: not in the lock'],
    ],
    [
      'platform',
      { platform: 'x86_64-linux-gnu.2.28' },
      ['platform: recipe has x86_64-linux-gnu.2.28, lock has x86_64-linux-gnu.2.17'],
    ],
    [
      'constraints',
      { python: { constraintsSha256: hashBytes('x') } },
      [`digest of the constraints: recipe has ${hashBytes('x')}, lock has ${hashBytes('')}`],
    ],
  ])('names changed %s', (_what, parts, expected) => {
    expect(messages(changed(parts))).toEqual(expected);
  });

  it('ignores reasons and the order of lists', () => {
    const lock = demoLock();
    const [first, second] = [{ requirements: ['a', 'b'] }, { requirements: ['b', 'a'] }].map((python) =>
      changed({ python }),
    );
    expect(first && checkLock(lock, first)).toEqual(second && checkLock(lock, second));
  });

  it('notices a lockfile that was changed by hand', () => {
    const problems = checkLock({ ...demoLock(), inputs: sha256('b'.repeat(64)) }, demoTarget());
    expect(problems).toEqual([{ code: 'edited-lock', message: 'inputs: the lockfile was edited by hand' }]);
  });

  it('as an error is KSB_LOCK_STALE, exit 2', () => {
    expect(() => requireCurrentLock(demoLock(), 'demo.json', changed({ components: [] }))).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({
          code: 'KSB_LOCK_STALE',
          exitCode: 2,
          place: { file: 'demo.json' },
          hint: 'update the lockfile: ksbundle lock demo',
        }),
      }),
    );
  });
});
