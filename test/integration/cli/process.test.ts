import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/command-table.ts';
import { ksbundle, MAIN, runProgram } from './command.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'ksb-cli-'));
});
afterEach(async () => rm(directory, { recursive: true }));

describe('help and version', () => {
  it.each([['--help'], ['-h'], ['help']])('%s is on stdout, examples first, exit 0', async (flag) => {
    const { exitCode, stdout, stderr } = await ksbundle([flag]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout.indexOf('Examples:')).toBeLessThan(stdout.indexOf('Commands:'));
  });

  it('of every command is on stdout, examples first, exit 0', async () => {
    const results = await Promise.all(
      COMMANDS.map(async ({ name }) => ({ name, ...(await ksbundle([...name.split(' '), '--help'])) })),
    );
    for (const { name, exitCode, stdout, stderr } of results) {
      expect([name, exitCode, stderr]).toEqual([name, 0, '']);
      expect(stdout.startsWith(`Examples:\n  ksbundle ${name}`)).toBe(true);
    }
  });

  it('is short and on stderr, exit 2, without arguments', async () => {
    const { exitCode, stdout, stderr } = await ksbundle([]);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('ksbundle --help');
  });

  it('version is that of the package', async () => {
    const manifest = await readFile(path.join(import.meta.dirname, '..', '..', '..', 'package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    for (const flag of ['--version', '-V']) {
      expect(await ksbundle([flag])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: '' });
    }
  });

  it('is the same under every locale and time zone', async () => {
    const runs = await Promise.all(
      [{}, { LANG: 'de_DE.UTF-8', LC_ALL: 'tr_TR.UTF-8', TZ: 'Asia/Tokyo' }].map(async (environment) => [
        await ksbundle(['--help'], { environment }),
        await ksbundle(['build', '--jobs=x'], { environment }),
      ]),
    );
    expect(runs[0]).toEqual(runs[1]);
  });
});

describe('wrong usage', () => {
  it.each([
    [['bild'], 'did you mean build?'],
    [['build', '--ofline'], 'did you mean --offline?'],
    [['build', '--jobs=abc'], '--jobs is "abc"'],
    [['build', '--jobs=0'], '--jobs is "0"'],
    [['build', '--jobs=-1'], '--jobs is "-1"'],
    [['verify', 'no-such-file'], 'cannot read'],
  ])('%j is an error on stderr, exit 2', async (argv, text) => {
    const { exitCode, stdout, stderr } = await ksbundle(argv);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(text);
  });

  it('with --json is one document on stdout', async () => {
    const { exitCode, stdout } = await ksbundle(['bild', '--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'KSB_UNKNOWN_COMMAND', exitCode: 2 } });
  });
});

describe('streams', () => {
  it('that nobody reads any longer are no error', async () => {
    const script = `(sleep 0.3; "$0" "$1" --help; echo "exit $?" >&2) | true`;
    const { stderr } = await runProgram(['bash', '-c', script, process.execPath, MAIN]);
    expect(stderr).toBe('exit 0\n');
  });

  it('that cannot be written are a failure, without a stack', async () => {
    const script = `"$0" "$1" --help > /dev/full`;
    const { exitCode, stderr } = await runProgram(['sh', '-c', script, process.execPath, MAIN]);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: cannot write the result: ENOSPC.*\n$/);
  });

  it('have colour on a terminal, and not with NO_COLOR, TERM=dumb or --no-color', async () => {
    const onTerminal = async (flags: string, environment: Record<string, string> = {}): Promise<string> => {
      const command = `'${process.execPath}' '${MAIN}' bild ${flags}`;
      const base = { TERM: 'xterm' };
      const ran = await runProgram(['script', '-qec', command, '/dev/null'], {
        environment: { ...base, ...environment },
      });
      expect(ran.exitCode).toBe(2);
      return ran.stdout;
    };
    expect(await onTerminal('')).toContain('\u001B[31merror:');
    expect(await onTerminal('--no-color')).not.toContain('\u001B[');
    expect(await onTerminal('', { NO_COLOR: '1' })).not.toContain('\u001B[');
    expect(await onTerminal('', { TERM: 'dumb' })).not.toContain('\u001B[');
    expect((await ksbundle(['bild'])).stderr).not.toContain('\u001B[');
  });

  it('never contain control characters from names, except as JSON escapes', async () => {
    const name = 'x\u001B]0;owned\u0007\u009B2J\u202E\nerror: y.tar.gz';
    const refused = await ksbundle(['verify', name]);
    expect(refused.stderr).toContain(String.raw`x\x1b]0;owned\x07\x9b2J\u202e\x0aerror: y.tar.gz`);
    const told = await ksbundle(['verify', name, '--json']);
    expect(told.stdout).toContain(String.raw`x\u001b]0;owned\u0007\u009b2J\u202e\nerror: y.tar.gz`);
    for (const text of [refused.stderr, told.stdout, told.stderr]) {
      expect(text).toMatch(/^(?:[^\p{Cc}\u202E]|\n)*$/u);
    }
    expect(JSON.stringify(JSON.parse(told.stdout))).toContain(JSON.stringify(name).slice(1, -1));
  });
});

describe('signals', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)(
    '%s ends the run with a message and leaves nothing behind, exit %d',
    async (signal, exitCode) => {
      const ran = await ksbundle(['verify', '-', '--json'], {
        environment: { TMPDIR: directory },
        during: async (child, saw) => {
          child.stdin?.write('some bytes');
          while ((await readdir(directory)).length === 0)
            await new Promise((resolve) => setTimeout(resolve, 10));
          child.kill(signal);
          await saw(`${signal}: stopping`);
        },
      });
      expect(ran.stderr).toContain(`${signal}: stopping; press again to stop at once`);
      expect(ran.exitCode).toBe(exitCode);
      expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: 'KSB_INTERRUPTED' } });
      expect(await readdir(directory)).toEqual([]);
    },
  );

  it('the second ends the process at once', async () => {
    const module = path.join(path.dirname(MAIN), 'interruption.js');
    const script = `
      const { abortOnSignals } = await import(${JSON.stringify(module)});
      abortOnSignals(() => console.error('first'));
      setInterval(() => {}, 1000);
      console.error('ready');`;
    const ran = await runProgram([process.execPath, '--input-type=module', '-e', script], {
      during: async (child, saw) => {
        await saw('ready');
        child.kill('SIGINT');
        await saw('first');
        child.kill('SIGINT');
        await new Promise((resolve) => setTimeout(resolve, 400));
        expect(child.exitCode, 'an echo of the first is ignored').toBeNull();
        child.kill('SIGINT');
      },
    });
    expect([ran.exitCode, ran.stderr]).toEqual([130, 'ready\nfirst\n']);
  });
});

it('settings come from the environment and the working directory of the process', async () => {
  const environment = { XDG_CACHE_HOME: directory, HOME: directory };
  expect((await ksbundle(['cache', 'path'], { environment })).stdout).toBe(`${directory}/ksbundle\n`);
  expect(
    (await ksbundle(['cache', 'path'], { environment: { ...environment, KSBUNDLE_CACHE: '/c' } })).stdout,
  ).toBe('/c\n');
});
