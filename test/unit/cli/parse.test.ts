import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/command-table.ts';
import { interpret, parseArguments } from '../../../src/cli/parse.ts';
import { KsbundleError } from '../../../src/domain/errors.ts';

function request(line: string): ReturnType<typeof interpret> {
  return interpret(parseArguments(line.split(' ').filter((word) => word !== '')));
}

function run(line: string): Extract<ReturnType<typeof interpret>, { kind: 'run' }> {
  const result = request(line);
  if (result.kind !== 'run') throw new Error(`not a command: ${line}`);
  return result;
}

function facts(line: string): KsbundleError['facts'] {
  try {
    request(line);
  } catch (error) {
    if (error instanceof KsbundleError) return error.facts;
    throw error;
  }
  throw new Error(`accepted: ${line}`);
}

describe('a valid command line', () => {
  it('has options before, between and after its words', () => {
    const expected = { jobs: '2', offline: true, mirror: ['a', 'b'] };
    for (const line of [
      'build keystone --jobs 2 --offline --mirror a --mirror b',
      '--jobs=2 build --offline --mirror=a keystone --mirror b',
      '-j2 --mirror a --mirror b --offline build keystone',
    ]) {
      const { command, positionals, flags } = run(line);
      expect([command.name, positionals, flags]).toEqual(['build', ['keystone'], expected]);
    }
  });

  it('takes the last of an option given twice', () => {
    expect(run('build --jobs 1 -j 3 --offline --no-offline').flags).toEqual({ jobs: '3', offline: false });
  });

  it('takes everything after -- as arguments, and - as one', () => {
    expect(run('verify -- --json').positionals).toEqual(['--json']);
    expect(run('verify -').positionals).toEqual(['-']);
  });

  it('knows subcommands', () => {
    expect(run('cache gc -n').command.name).toBe('cache gc');
  });

  it('has as many bundles as wanted where a command takes several, and no more than one elsewhere', () => {
    expect(run('cache export dir').positionals).toEqual(['dir']);
    expect(run('cache export dir one two three').positionals).toEqual(['dir', 'one', 'two', 'three']);
    expect(facts('cache export').code).toBe('KSB_MISSING_ARGUMENT');
    expect(facts('mirror dir one two').code).toBe('KSB_EXTRA_ARGUMENT');
  });

  it('has an --upgrade with or without a name', () => {
    expect(run('lock --upgrade').flags).toEqual({ upgrade: '' });
    expect(run('lock --upgrade=greenlet keystone').flags).toEqual({ upgrade: 'greenlet' });
    expect(run('lock keystone --upgrade --check').flags).toEqual({ upgrade: '', check: true });
  });

  it('keeps numbers as they were written', () => {
    expect(run('why 007').positionals).toEqual(['007']);
    expect(run('build --platform 1e3').flags).toEqual({ platform: '1e3' });
  });
});

describe('help', () => {
  it.each([
    ['--help', ''],
    ['-h', ''],
    ['help', ''],
    ['help build', 'build'],
    ['build --help', 'build'],
    ['build keystone -h', 'build'],
    ['cache --help', 'cache'],
    ['help cache gc', 'cache gc'],
    ['cache gc --help', 'cache gc'],
    ['build --frobnicate --help', 'build'],
  ])('%s is about "%s"', (line, topic) => {
    expect(request(line)).toEqual({ kind: 'help', topic, asked: true });
  });

  it('is not requested by an empty command line', () => {
    expect(request('')).toEqual({ kind: 'help', topic: '', asked: false });
  });

  it('of an unknown command suggests one', () => {
    expect(facts('help bild').hint).toContain('did you mean build?');
  });
});

describe('an invalid command line', () => {
  it.each([
    ['bild', 'KSB_UNKNOWN_COMMAND', 'did you mean build?'],
    ['frobnicate', 'KSB_UNKNOWN_COMMAND', 'valid: new, build, try, rebuild'],
    ['cache', 'KSB_MISSING_ARGUMENT', undefined],
    ['cache pth', 'KSB_UNKNOWN_COMMAND', 'did you mean path?'],
    ['build --job 3', 'KSB_UNKNOWN_OPTION', 'did you mean --jobs?'],
    ['build --dryrun', 'KSB_UNKNOWN_OPTION', 'did you mean --dry-run?'],
    ['build -x', 'KSB_UNKNOWN_OPTION', 'valid: --help'],
    ['--frobnicate', 'KSB_UNKNOWN_OPTION', 'valid: --help'],
    ['build --check', 'KSB_UNKNOWN_OPTION', 'valid: --help'],
    ['build --no-jobs', 'KSB_UNKNOWN_OPTION', undefined],
    ['build --jobs', 'KSB_MISSING_ARGUMENT', undefined],
    ['build --jobs --offline', 'KSB_MISSING_ARGUMENT', undefined],
    ['build --mirror', 'KSB_MISSING_ARGUMENT', undefined],
    ['build --offline=maybe', 'KSB_BAD_VALUE', undefined],
    ['build --no-color=1', 'KSB_BAD_VALUE', undefined],
    ['build --events xml', 'KSB_BAD_VALUE', 'valid: ndjson'],
    ['build keystone nova', 'KSB_EXTRA_ARGUMENT', 'ksbundle build --help'],
    ['verify', 'KSB_MISSING_ARGUMENT', 'ksbundle verify --help'],
    ['why', 'KSB_MISSING_ARGUMENT', 'ksbundle why --help'],
    ['build --__proto__ 1', 'KSB_UNKNOWN_OPTION', 'valid: --help'],
  ])('%s: %s', (line, code, hint = '') => {
    const found = facts(line);
    expect([found.code, found.exitCode]).toEqual([code, 2]);
    expect(found.hint ?? '').toContain(hint);
  });
});

it('has a table whose names and letters are unique', () => {
  const names = COMMANDS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
