import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/command-table.ts';
import { usageOf } from '../../../src/cli/help.ts';
import { OPTION_NAMES, optionSpec, optionText } from '../../../src/cli/options.ts';
import { packageRoot } from '../../../src/io/package-info.ts';
import { parseArguments, interpret } from '../../../src/cli/parse.ts';
import { SETTING_KEYS } from '../../../src/cli/setting-keys.ts';
import { ExitCode } from '../../../src/domain/errors.ts';

const page = await readFile(path.join(packageRoot(), 'docs', 'cli.md'), 'utf8');

/** First cells of the rows of the table below a heading of docs/cli.md. */
function firstCells(heading: string): string[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [body = ''] = section.split('\n## ');
  return [...body.matchAll(/^\| (.*?) +\|(?! -)/gm)]
    .map(([, cell = '']) => cell)
    .filter((cell) => /[`\d]/.test(cell));
}

it('docs/cli.md lists the real commands, in order', () => {
  const listed = firstCells('Commands').map((cell) => cell.replaceAll('`', ''));
  expect(listed).toEqual(COMMANDS.map((command) => `ksbundle ${usageOf(command)}`));
});

it('docs/cli.md lists the real options', () => {
  const listed = firstCells('Options').flatMap((cell) => /--[a-z-]+/.exec(cell) ?? []);
  expect(listed.sort()).toEqual(OPTION_NAMES.map(optionText).sort());
  const shortened = OPTION_NAMES.filter((name) => optionSpec(name).letter !== undefined);
  for (const name of shortened) expect(page).toContain(`\`-${optionSpec(name).letter}\`, \`--${name}`);
});

it('docs/cli.md lists the real exit codes and settings', () => {
  expect(firstCells('Exit codes').map(Number)).toEqual(Object.values(ExitCode));
  const [, settings = ''] = page.split('\n## Settings\n');
  for (const key of SETTING_KEYS) expect(settings).toContain(`\`${key}\``);
});

it('every example of the help is a valid command line', () => {
  for (const { examples } of COMMANDS) {
    for (const { command } of examples) {
      const [words = ''] = command.split(' > ');
      expect(interpret(parseArguments(words.split(' '))).kind).toBe('run');
    }
  }
});
