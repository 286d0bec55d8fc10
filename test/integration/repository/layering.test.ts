import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listTree } from '../../../src/io/files.ts';

const ROOT = path.join(import.meta.dirname, '..', '..', '..');
const SRC = path.join(ROOT, 'src');
const PROGRAMS = path.join(ROOT, 'node_modules', '.bin');
const OXLINT = path.join(PROGRAMS, 'oxlint');
/** Oxlint looks for its companion tsgolint in PATH. */
const ENVIRONMENT = { ...process.env, PATH: `${PROGRAMS}:${process.env['PATH']}` };

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'ksb-layering-'));
  await copyFile(path.join(ROOT, '.oxlintrc.json'), path.join(directory, '.oxlintrc.json'));
});
afterEach(async () => rm(directory, { recursive: true }));

/** Whether the linter refuses `source` importing `from`, by the rule of the layers. */
async function refused(source: string, from: string): Promise<boolean> {
  const file = path.join(directory, source);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `import { x } from '${from}';\nexport const y = x;\n`);
  const argv = ['--format', 'json', '--disable-nested-config', '-c', '.oxlintrc.json', source];
  const { stdout } = await promisify(execFile)(OXLINT, argv, { cwd: directory, env: ENVIRONMENT }).catch(
    (error: unknown) => error as { readonly stdout: string },
  );
  const { diagnostics } = JSON.parse(stdout) as {
    readonly diagnostics: readonly { readonly code: string }[];
  };
  return diagnostics.some(({ code }) => code.includes('no-restricted-imports'));
}

it.each([
  ['src/fetch/a.ts', '../build/b.ts'],
  ['src/build/deep/a.ts', '../../fetch/b.ts'],
  ['src/build/a.ts', '../pipeline.ts'],
  ['src/build/a.ts', '../pipeline/context.ts'],
  ['src/build/a.ts', '../cli/run.ts'],
  ['src/build/a.ts', 'execa'],
  ['src/pipeline/a.ts', 'undici'],
  ['src/pipeline/a.ts', '../cli/run.ts'],
  ['src/pipeline.ts', './cli/run.ts'],
  ['src/domain/a.ts', '../io/files.ts'],
  ['src/domain/elf/a.ts', '../../io/files.ts'],
  ['src/domain/a.ts', 'node:fs/promises'],
  ['src/io/a.ts', '../store/open.ts'],
  ['src/cli/a.ts', '../build/build.ts'],
  ['src/cli/commands/a.ts', '../../lock/b.ts'],
  ['src/cli/a.ts', 'fs-extra'],
])('%s may not import %s', async (source, from) => {
  expect(await refused(source, from)).toBe(true);
});

it.each([
  ['src/fetch/a.ts', '../io/http.ts'],
  ['src/fetch/a.ts', '../domain/errors.ts'],
  ['src/build/deep/a.ts', '../graph.ts'],
  ['src/domain/elf/a.ts', '../lock.ts'],
  ['src/io/a.ts', 'execa'],
  ['src/pipeline/a.ts', '../build/build.ts'],
  ['src/pipeline.ts', './pipeline/context.ts'],
  ['src/cli/a.ts', '../pipeline.ts'],
  ['src/cli/commands/a.ts', '../../io/files.ts'],
])('%s may import %s', async (source, from) => {
  expect(await refused(source, from)).toBe(false);
});

/** Imports of a file from src/, including dynamic ones. */
async function importsOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/(?:from|import\() ?'(\.[^']+)'/g)].map(([, name = '']) =>
    path.join(path.dirname(file), name),
  );
}

it('no file of src/ imports itself in a cycle, not even by dynamic imports', async () => {
  const imports = new Map<string, readonly string[]>();
  for (const { path: file } of (await listTree(SRC)).filter(({ path: name }) => name.endsWith('.ts'))) {
    imports.set(path.join(SRC, file), await importsOf(path.join(SRC, file)));
  }
  const circles: string[] = [];
  const visited = new Set<string>();
  const visit = (file: string, chain: readonly string[]): void => {
    if (chain.includes(file)) circles.push([...chain.slice(chain.indexOf(file)), file].join(' → '));
    if (visited.has(file)) return;
    visited.add(file);
    for (const imported of imports.get(file) ?? []) visit(imported, [...chain, file]);
  };
  for (const file of imports.keys()) visit(file, []);
  expect(imports.size).toBeGreaterThan(300);
  expect(circles).toEqual([]);
});
