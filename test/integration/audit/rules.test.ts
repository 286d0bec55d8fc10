import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditTree } from '../../../src/audit/audit.ts';
import { RULES } from '../../../src/audit/rules.ts';
import { FAULTS, HARMLESS, makeSoundRelease, OPTIONS } from '../../fixtures/planted-faults.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'ksb-audit-'));
  await makeSoundRelease(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('a valid release has no findings', async () => {
  const report = await auditTree(root, OPTIONS);
  expect(report.findings).toEqual([]);
  expect(report).toMatchObject({ filesScanned: 8, elfFilesScanned: 5, floor: '2.14' });
});

test('libraries found in files are listed, also without a bill', async () => {
  const fault = FAULTS.find(({ rule }) => rule === 'unbilled-library');
  await fault?.plant(root);
  const { libraries } = await auditTree(root, { ...OPTIONS, bill: undefined });
  expect(libraries).toEqual([
    { path: 'lib/libgood.so.1', registry: 'generic', name: 'libyaml', versions: ['0.2.5'] },
    { path: 'lib/libold.so', registry: 'generic', name: 'openssl', versions: ['1.1.1w'] },
  ]);
});

test('every rule has a planted fault', () => {
  expect(RULES.map(({ name }) => name).filter((name) => !FAULTS.some(({ rule }) => rule === name))).toEqual(
    [],
  );
});

test('rules have unique names, in order', () => {
  const names = RULES.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)].toSorted());
});

test.each(HARMLESS)('$rule has nothing against $what', async ({ rule, plant, options }) => {
  await plant(root);
  const { findings } = await auditTree(root, { ...OPTIONS, ...options });
  expect(findings.filter((finding) => finding.rule === rule)).toEqual([]);
});

describe.each(FAULTS)('$rule: $what', ({ rule, path: file, subject, says, plant }) => {
  beforeEach(() => plant(root));

  test('is found and named, with a remedy', async () => {
    const { findings } = await auditTree(root, OPTIONS);
    const found = findings.filter(
      (finding) => finding.rule === rule && finding.path === file && finding.subject === subject,
    );
    expect(found).toHaveLength(1);
    expect(found[0]?.message).toMatch(says);
    expect(found[0]?.remedy).toMatch(/\w+ \w+/);
  });

  test('is found only by that rule: without it, the subject is not reported', async () => {
    const rules = RULES.filter(({ name }) => name !== rule);
    const { findings } = await auditTree(root, OPTIONS, rules);
    expect(findings.filter((finding) => finding.path === file && finding.subject === subject)).toEqual([]);
  });
});
