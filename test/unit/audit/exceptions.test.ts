import { describe, expect, test } from 'vitest';
import { applyExceptions } from '../../../src/audit/exceptions.ts';
import { failures, type Finding } from '../../../src/domain/audit.ts';
import { formatAudit } from '../../../src/domain/audit-text.ts';

const FINDING: Finding = {
  rule: 'placeholder',
  path: 'lib/libpython3.13.so.1.0',
  subject: 'placeholder prefix',
  message: 'contains the placeholder prefix at byte 7',
  remedy: 'drop the file',
};
const EXCEPTION = {
  rule: 'placeholder',
  paths: ['lib/libpython*'],
  reason: 'getpath falls back to it',
  override: 'it finds its own prefix',
};

describe('applyExceptions', () => {
  test('marks what a recipe declares harmless, with reason and override', () => {
    const { reason, override } = EXCEPTION;
    expect(applyExceptions([FINDING], [EXCEPTION])).toEqual([
      { ...FINDING, exception: { reason, override } },
    ]);
  });

  test('applies to one subject only, if stated', () => {
    const exceptions = [{ ...EXCEPTION, subject: 'placeholder prefix' }];
    expect(applyExceptions([FINDING], exceptions)[0]?.exception).toBeDefined();
  });

  test.each([
    ['another rule', { rule: 'build-path' }],
    ['another path', { paths: ['bin/*'] }],
    ['another subject', { subject: 'placeholder RPATH' }],
  ])('that names %s is a finding itself, and the first one stays', (_, change) => {
    const findings = applyExceptions([FINDING], [{ ...EXCEPTION, ...change }]);
    expect(findings.map(({ rule, exception }) => [rule, exception])).toEqual([
      ['placeholder', undefined],
      ['unused-exception', undefined],
    ]);
  });

  test('an empty audit cannot be declared harmless', () => {
    const nothing = { ...FINDING, rule: 'nothing-scanned', path: '.' };
    const findings = applyExceptions([nothing], [{ ...EXCEPTION, rule: 'nothing-scanned', paths: ['**'] }]);
    expect(findings.map(({ rule, exception }) => [rule, exception])).toEqual([
      ['nothing-scanned', undefined],
      ['unused-exception', undefined],
    ]);
  });
});

describe('formatAudit', () => {
  const needed = {
    rule: 'needed-library',
    path: 'bin/httpd',
    subject: 'liba.so',
    message: 'needs liba.so',
    remedy: 'build it',
  };
  const report = {
    filesScanned: 10,
    elfFilesScanned: 4,
    floor: '2.17',
    libraries: [],
    rules: ['needed-library', 'placeholder'],
    findings: applyExceptions(
      [needed, { ...needed, path: 'bin/tool' }, { ...needed, path: 'lib/z.so', remedy: 'move it' }, FINDING],
      [EXCEPTION],
    ),
  };

  test('shows file, fault and remedy of each finding, and the reason of each exception', () => {
    expect(formatAudit(report)).toEqual([
      'needed-library:',
      '  bin/httpd needs liba.so',
      '  bin/tool needs liba.so',
      '    → build it',
      '  lib/z.so needs liba.so',
      '    → move it',
      'declared harmless (placeholder): lib/libpython3.13.so.1.0 contains the placeholder prefix at byte 7',
      '    getpath falls back to it; at run time: it finds its own prefix',
      '3 findings: 10 files, 4 of them ELF, against 2 rules; newest glibc needed: 2.17',
    ]);
  });

  test('many findings of one file are abbreviated', () => {
    const symbols = Array.from({ length: 9 }, (_, index) => ({ ...needed, message: `uses symbol${index}` }));
    expect(formatAudit({ ...report, findings: symbols }).slice(5, 8)).toEqual([
      '  bin/httpd uses symbol4',
      '  bin/httpd: 4 more like these',
      '    → build it',
    ]);
  });

  test('a clean report is one line', () => {
    const clean = { filesScanned: 1, elfFilesScanned: 1, libraries: [], rules: [], findings: [] };
    expect(formatAudit(clean)).toEqual(['clean: 1 files, 1 of them ELF, against 0 rules; no glibc needed']);
    expect(failures(clean)).toEqual([]);
  });
});
