import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { releaseName } from './bundle.ts';
import { ROOT } from './cli.ts';

/**
 * The shell commands of docs/verification.md below a heading, block by block, with the name of a release, by default
 * the one under test, instead of the written one: tests the documented commands.
 */
export async function documentedCommands(heading: string, release = releaseName()): Promise<string[]> {
  const page = await readFile(path.join(ROOT, 'docs/verification.md'), 'utf8');
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [body = ''] = section.split('\n## ');
  const blocks = [...body.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
  if (blocks.length === 0) throw new Error(`docs/verification.md has no commands below "${heading}"`);
  return blocks.map((block) => block.replaceAll(/keystone-[\d.]+-\d+-linux-x86_64/g, release));
}
