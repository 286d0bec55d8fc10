import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ksbundle, runProgram } from './command.ts';

let directory: string;

/** Whether a shell is installed; tests of a missing one are skipped. */
async function has(shell: string): Promise<boolean> {
  return (await runProgram(['sh', '-c', `command -v ${shell}`])).exitCode === 0;
}

const SHELLS = { bash: await has('bash'), zsh: await has('zsh'), fish: await has('fish') };

beforeAll(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'ksb-completion-'));
  // Answers completion's query for names of bundles.
  const program = path.join(directory, 'ksbundle');
  await writeFile(
    program,
    "#!/bin/sh\nprintf 'bundle     keystone  30.0.0\\nbundle     nova  1\\ncomponent  zlib  1.3\\n'\n",
  );
  await chmod(program, 0o755);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await ksbundle(['completion', shell]);
    await writeFile(path.join(directory, `completion.${shell}`), stdout);
  }
  await writeFile(path.join(directory, 'release.tar.gz'), '');
});
afterAll(async () => rm(directory, { recursive: true }));

/** The shell's completions of the last word of the line. */
type Offer = (line: string) => Promise<string[]>;

async function offers(argv: readonly string[]): Promise<string[]> {
  const environment = { PATH: `${directory}:${process.env['PATH'] ?? ''}`, HOME: directory, TERM: 'xterm' };
  const { stdout, stderr } = await runProgram(argv, { environment });
  expect(stderr).toBe('');
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .sort();
}

const bash: Offer = async (line) => {
  const script = `
    cd "$1"; source ./completion.bash
    COMP_WORDS=() COMP_CWORD=0
    IFS=' ' read -ra COMP_WORDS <<< "$(sed 's/=/ = /g' <<< "$2")"
    [[ $2 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    compopt() { :; }
    _ksbundle
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  return offers(['bash', '-c', script, 'bash', directory, line]);
};

const fish: Offer = async (line) => {
  const script = 'cd $argv[1]; source completion.fish; complete -C $argv[2]';
  const lines = await offers(['fish', '-N', '-c', script, directory, line]);
  return lines.map((text) => text.split('\t')[0] ?? '');
};

/** zsh completes only at a prompt, so it gets a terminal, and writes its completions to a file. */
const zsh: Offer = async (line) => {
  const script = `
    zmodload zsh/zpty
    cd "$1"
    zpty z "zsh -f -i"
    zpty -w z "autoload -Uz compinit; compinit -u -d $1/dump; source $1/completion.zsh"
    zpty -w z 'compadd() { local -a found; builtin compadd -O found "$@"; print -l -- $found >> $HOME/offered; builtin compadd "$@" }; : > $HOME/offered; print rea""dy'
    zpty -r z output '*ready*'
    zpty -w -n z "$2"$'\\t'
    for ((i = 0; i < 40; i++)); do sleep 0.05; [[ -s $HOME/offered ]] && break; done
    sleep 0.2
    zpty -d z
    sort -u $HOME/offered; : > $HOME/offered`;
  return offers(['zsh', '-f', '-c', script, 'zsh', directory, line]);
};

describe.each([
  ['bash', SHELLS.bash, bash],
  ['zsh', SHELLS.zsh, zsh],
  ['fish', SHELLS.fish, fish],
])('in %s', (_, available, offer) => {
  it.skipIf(!available)('commands', async () => {
    expect(await offer('ksbundle ')).toEqual(expect.arrayContaining(['build', 'cache', 'recipes', 'why']));
    expect(await offer('ksbundle bui')).toEqual(['build']);
  });

  it.skipIf(!available)('subcommands', async () => {
    expect(await offer('ksbundle cache ')).toEqual(['distrust', 'export', 'gc', 'list', 'path', 'verify']);
  });

  it.skipIf(!available)('options of the command, and of no other', async () => {
    const offered = await offer('ksbundle build --');
    expect(offered).toEqual(expect.arrayContaining(['--jobs', '--dry-run', '--json', '--no-color']));
    expect(offered).not.toContain('--upgrade');
  });

  it.skipIf(!available)('values of options, files, bundles and shells', async () => {
    expect(await offer('ksbundle build --events ')).toEqual(['ndjson']);
    expect(await offer('ksbundle build ')).toEqual(['keystone', 'nova']);
    expect(await offer('ksbundle build --jobs 2 --offline n')).toEqual(['nova']);
    expect(await offer('ksbundle mirror dir nova k')).toEqual([]);
    expect(await offer('ksbundle cache export dir nova k')).toEqual(['keystone']);
    expect(await offer('ksbundle why zlib k')).toEqual(['keystone', 'ksbundle']);
    expect(await offer('ksbundle why zlib rel')).toEqual(['release.tar.gz']);
    expect(await offer('ksbundle completion f')).toEqual(['fish']);
    expect(await offer('ksbundle verify rel')).toEqual(['release.tar.gz']);
  });
});
