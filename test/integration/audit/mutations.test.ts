import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditTree } from '../../../src/audit/audit.ts';
import type { Rule } from '../../../src/audit/rule.ts';
import { RULES } from '../../../src/audit/rules.ts';
import type { Finding } from '../../../src/domain/audit.ts';
import { FAULTS, HARMLESS, makeSoundRelease, OPTIONS, type Fault } from '../../fixtures/planted-faults.ts';

/*
 * Disables one thing at a time in the source of the audit's rules, and checks that the planted faults detect it: each
 * `yield`, and each condition of an `if`, which becomes false.
 */

const SOURCES = path.join(import.meta.dirname, '../../../src/audit/rules');

type Harmless = (typeof HARMLESS)[number];

interface Mutant {
  readonly file: string;
  readonly line: number;
  /** The disabled code. */
  readonly off: string;
  readonly source: string;
}

async function listMutants(): Promise<Mutant[]> {
  const mutants: Mutant[] = [];
  for (const { name } of RULES) {
    const file = `${name}.ts`;
    const source = await readFile(path.join(SOURCES, file), 'utf8');
    const without = (from: number, to: number, replacement: string): void => {
      const line = source.slice(0, from).split('\n').length;
      const off = source.slice(from, to).replaceAll(/\s+/gu, ' ').trim();
      mutants.push({ file, line, off, source: source.slice(0, from) + replacement + source.slice(to) });
    };
    for (const { index, 0: text } of source.matchAll(/\byield\*? /gu))
      without(index, index + text.length, 'void ');
    for (const { index, 0: text } of source.matchAll(/\bif \(/gu)) {
      const start = index + text.length;
      without(start, closingParenthesis(source, start), 'false');
    }
  }
  return mutants;
}

function closingParenthesis(source: string, start: number): number {
  let depth = 1;
  let at = start;
  for (; depth > 0; at += 1) depth += Number(source[at] === '(') - Number(source[at] === ')');
  return at - 1;
}

/** Cannot be planted for root, who reads every file. */
const UNSEEN_BY_ROOT = 'unreadable === true';

const mutants = (await listMutants()).filter(({ off }) => off !== UNSEEN_BY_ROOT);

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'ksb-mutants-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** The rule from a source. */
async function loadRule(file: string, source: string): Promise<Rule> {
  const copy = path.join(await mkdtemp(path.join(directory, 'source-')), file);
  const placed = source.replaceAll(
    /from '(\.[^']+)'/gu,
    (_all, relative: string) => `from '${path.join(SOURCES, relative)}'`,
  );
  await writeFile(copy, placed);
  const exported = Object.values((await import(copy)) as Record<string, unknown>);
  const rule = exported.find((each) => typeof each === 'object' && each !== null && 'remedy' in each);
  if (rule === undefined) throw new Error(`${file} has no rule`);
  return rule as Rule;
}

async function findingsOf(
  rules: readonly Rule[],
  { plant, options }: Pick<Harmless, 'plant' | 'options'>,
): Promise<readonly Finding[]> {
  const root = await mkdtemp(path.join(directory, 'release-'));
  await makeSoundRelease(root);
  await plant(root);
  return (await auditTree(root, { ...OPTIONS, ...options }, rules)).findings;
}

/** Whether rules find the planted faults in a release, with the right messages. */
async function finds(rules: readonly Rule[], fault: Fault): Promise<boolean> {
  const findings = await findingsOf(rules, fault);
  return findings.some(
    ({ rule, path: file, subject, message }) =>
      rule === fault.rule && file === fault.path && subject === fault.subject && fault.says.test(message),
  );
}

/** Whether all tests of the rules would pass with a rule that replaces the one of its name. */
async function passes(changed: Rule): Promise<boolean> {
  const rules = RULES.map((rule) => (rule.name === changed.name ? changed : rule));
  const isOfRule = ({ rule }: { readonly rule: string }): boolean => rule === changed.name;
  for (const fault of FAULTS.filter(isOfRule)) if (!(await finds(rules, fault))) return false;
  const sound = { plant: () => Promise.resolve() };
  for (const harmless of [sound, ...HARMLESS.filter(isOfRule)])
    if ((await findingsOf(rules, harmless)).some(isOfRule)) return false;
  return true;
}

test.each(RULES)('the rule $name passes unchanged, and has conditions to switch off', async ({ name }) => {
  const file = `${name}.ts`;
  const rule = await loadRule(file, await readFile(path.join(SOURCES, file), 'utf8'));
  expect(rule.name).toBe(name);
  expect(await passes(rule)).toBe(true);
  expect(mutants.filter((mutant) => mutant.file === file)).not.toEqual([]);
});

test.each(mutants)('$file fails without $off in line $line', async ({ file, source }) => {
  const changed = await loadRule(file, source);
  expect(await passes(changed).catch(() => false)).toBe(false);
});
