import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { releaseName } from './bundle.ts';
import { ROOT } from './cli.ts';

/** The blocks of a language on a page of docs/, below a heading of the second level if one is given; throws without any. */
export async function documentedBlocks(page: string, language: string, heading?: string): Promise<string[]> {
  const text = await readFile(path.join(ROOT, 'docs', page), 'utf8');
  const [body = ''] =
    heading === undefined ? [text] : (text.split(`\n## ${heading}\n`)[1] ?? '').split('\n## ');
  const fence = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms');
  const blocks = [...body.matchAll(fence)].map(([, block = '']) => block);
  if (blocks.length === 0)
    throw new Error(`docs/${page} has no ${language} below "${heading ?? 'its title'}"`);
  return blocks;
}

/**
 * The shell commands of docs/verification.md below a heading, block by block, with the name of a release, by default
 * the one under test, instead of the written one: tests the documented commands.
 */
export async function documentedCommands(heading: string, release = releaseName()): Promise<string[]> {
  const blocks = await documentedBlocks('verification.md', 'sh', heading);
  return blocks.map((block) => block.replaceAll(/keystone-[\d.]+-\d+-linux-x86_64/g, release));
}
