import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { listTree } from '../../src/io/files.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const PROJECTS = path.join(ROOT, 'test/fixtures/projects');
/** Files that are too short to show in the tutorial. */
const EMPTY = /(?:ksbundle\.toml|__init__\.py)$/;

interface Block {
  readonly file: string;
  readonly text: string;
}

/** The blocks of docs/tutorial.md that are not commands, each with the last file named before it. */
async function readBlocks(): Promise<Block[]> {
  const page = await readFile(path.join(ROOT, 'docs/tutorial.md'), 'utf8');
  const blocks = [...page.matchAll(/^```(\w*)\n(.*?)^```$/gms)].filter(([, language]) => language !== 'sh');
  return blocks.map((match) => {
    const named =
      page
        .slice(0, match.index)
        .match(/`(?:recipes|init)\/[^`\s]+\.\w+`/g)
        ?.at(-1) ?? '';
    return { file: named.slice(1, -1), text: match[2] ?? '' };
  });
}

async function readProjects(): Promise<ReadonlyMap<string, string>> {
  const files = (await listTree(PROJECTS)).filter(({ kind }) => kind === 'file');
  return new Map(
    await Promise.all(
      files.map(async ({ path: file }) => [file, await readFile(path.join(PROJECTS, file), 'utf8')] as const),
    ),
  );
}

it('shows only files of the projects that the tests build', async () => {
  const projects = await readProjects();
  const blocks = await readBlocks();
  const isShown = (block: Block): boolean =>
    [...projects].some(([file, text]) => file.endsWith(`/${block.file}`) && text.includes(block.text));
  expect(blocks.filter((block) => !isShown(block))).toEqual([]);
});

it('shows the projects completely', async () => {
  const projects = await readProjects();
  const shown = new Set((await readBlocks()).map(({ text }) => text));
  const hidden = [...projects].filter(
    ([file, text]) => /^(?:redis|redis-8|notes)\//.test(file) && !EMPTY.test(file) && !shown.has(text),
  );
  expect(hidden.map(([file]) => file)).toEqual([]);
});
