import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/run.ts';
import { asTask } from '../../../src/domain/events.ts';
import type { AdvisoryReport, Vulnerability } from '../../../src/domain/advisories/report.ts';
import type { AuditReport, Finding } from '../../../src/domain/audit.ts';
import { sha256 } from '../../../src/domain/digest.ts';
import { ExitCode, KsbundleError } from '../../../src/domain/errors.ts';
import type { Context, ContextOptions, Pipeline } from '../../../src/pipeline.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'ksb-run-'));
});
afterEach(async () => rm(directory, { recursive: true }));

interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface World {
  readonly stdin?: string;
  readonly environment?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Runs a command line in this process, with a pipeline that consists only of the given functions. */
async function run(argv: readonly string[], pipeline: Partial<Pipeline>, world: World = {}): Promise<Ran> {
  const text = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof text): PassThrough =>
    new PassThrough().on('data', (chunk) => {
      text[name] += String(chunk);
    });
  const exitCode = await runCli(argv, {
    stdin: Readable.from([world.stdin ?? '']),
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    environment: { HOME: directory, ...world.environment },
    directory,
    signal: world.signal ?? new AbortController().signal,
    crash: new Promise(() => undefined),
    pipeline: { openContext: async (options: ContextOptions) => options as Context, ...pipeline } as Pipeline,
  });
  return { exitCode, ...text };
}

const audit: AuditReport = {
  filesScanned: 9,
  elfFilesScanned: 3,
  floor: '2.17',
  libraries: [],
  rules: ['glibc-floor'],
  findings: [],
};
const finding: Finding = {
  rule: 'glibc-floor',
  path: 'lib/libx.so',
  subject: 'memcpy@GLIBC_2.30',
  message: 'needs glibc 2.30',
  remedy: 'build it',
};
const recipe = {
  kind: 'bundle',
  name: 'keystone',
  family: 'keystone',
  version: '30.0.0',
  license: 'Apache-2.0',
  summary: 'Identity',
  layer: 'base',
} as const;

describe('build', () => {
  const pipeline: Partial<Pipeline> = {
    listRecipes: async () => [recipe],
    buildBundle: async ({ emit, outDirectory }, name) => {
      emit({ type: 'task-started', task: 'pack:x', title: 'pack x' });
      emit({ type: 'task-ended', task: 'pack:x', outcome: 'done', time: 1000 });
      return { tarball: path.join(outDirectory, `${name}.tar.gz`), reused: false, audit };
    },
    planBuild: async () => ['build zlib', 'pack'],
  };

  it('prints one line on stdout: the path; the rest goes to stderr', async () => {
    const ran = await run(['build', 'keystone', '--out', 'here'], pipeline);
    expect(ran).toEqual({
      exitCode: 0,
      stdout: `${path.join(directory, 'here', 'keystone.tar.gz')}\n`,
      stderr: '✓ pack x (1.0 s)\n',
    });
  });

  it('builds the only bundle if none is named', async () => {
    expect((await run(['build', '-q'], pipeline)).stdout).toContain('/keystone.tar.gz');
    const two = {
      ...pipeline,
      listRecipes: async () => [recipe, { ...recipe, name: 'nova', family: 'nova' }],
    };
    const ran = await run(['build'], two);
    expect([ran.exitCode, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toContain('bundles: keystone, nova');
  });

  it('builds the newest version of the only bundle if none is named', async () => {
    const earlier = { ...recipe, name: 'keystone-29', version: '29.1.0' };
    const both = { ...pipeline, listRecipes: async () => [earlier, recipe] };
    expect((await run(['build', '-q'], both)).stdout).toContain('/keystone.tar.gz');
    expect((await run(['build', '-q', 'keystone-29'], both)).stdout).toContain('/keystone-29.tar.gz');
  });

  it('with --json prints one document', async () => {
    const { stdout } = await run(['build', '--json'], pipeline);
    expect(JSON.parse(stdout)).toMatchObject({ reused: false, audit: { floor: '2.17' } });
  });

  it('with --dry-run prints the plan', async () => {
    expect((await run(['build', '-n'], pipeline)).stdout).toBe('build zlib\npack\n');
  });

  it('with --events ndjson has only JSON on stderr, including the failure', async () => {
    const broken: Partial<Pipeline> = {
      ...pipeline,
      buildBundle: async ({ emit }) => {
        emit({ type: 'task-started', task: 'build:x', title: 'build x' });
        throw new KsbundleError({ code: 'KSB_X', exitCode: ExitCode.failed, message: 'no' });
      },
    };
    const ran = await run(['build', '--events', 'ndjson'], broken);
    const events = ran.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(events.map(({ type }) => type)).toEqual(['task-started', 'error']);
    expect(events[1]).toMatchObject({ error: { code: 'KSB_X', exitCode: 1 } });
  });
});

describe('a failure', () => {
  const failing = (error: unknown): Partial<Pipeline> => ({
    buildBundle: async () => {
      throw error;
    },
  });
  const integrity = new KsbundleError({
    code: 'KSB_DIGEST_MISMATCH',
    exitCode: ExitCode.integrity,
    message: 'zlib.tar.gz from https://me:secret@127.0.0.1/z is not what was locked',
    place: { file: 'recipes/zlib/zlib.toml', line: 3, column: 4 },
    why: 'the bytes differ',
    hint: 'ksbundle fetch',
    details: ['wanted a', 'got b'],
    problems: [
      { code: 'unknown-key', message: 'unknown key x', place: { file: 'a', line: 1 }, hint: 'valid: y' },
    ],
  });

  it('states what, where, why and what to do, without the password', async () => {
    const ran = await run(['build', 'keystone'], failing(integrity));
    expect(ran).toEqual({
      exitCode: 4,
      stdout: '',
      stderr: [
        'error: zlib.tar.gz from https://***@127.0.0.1/z is not what was locked [KSB_DIGEST_MISMATCH]',
        '  at recipes/zlib/zlib.toml:3:4',
        '  why: the bytes differ',
        '  a:1: unknown key x [unknown-key]',
        '    valid: y',
        '  | wanted a',
        '  | got b',
        '  hint: ksbundle fetch',
        '',
      ].join('\n'),
    });
  });

  it('with --json is one document on stdout, without the password', async () => {
    const { stdout, exitCode } = await run(['build', 'keystone', '--json'], failing(integrity));
    expect(JSON.parse(stdout)).toMatchObject({
      error: {
        code: 'KSB_DIGEST_MISMATCH',
        exitCode: 4,
        place: { line: 3 },
        problems: [{ code: 'unknown-key' }],
      },
    });
    expect([exitCode, stdout.includes('secret')]).toEqual([4, false]);
  });

  it('of the machine is described in words', async () => {
    for (const [code, ...words] of [
      ['ENOSPC', 'KSB_DISK_FULL', 'writing /x/y', 'its file system is full'],
      ['EDQUOT', 'KSB_DISK_FULL', 'writing /x/y', 'the disk quota is used up'],
      ['EROFS', 'KSB_SYSTEM_EROFS', 'cannot write /x/y', 'the file system is read-only'],
    ] as const) {
      const met = Object.assign(new Error(code), { code, syscall: 'write', path: '/x/y' });
      for (const error of [met, new Error('while packing', { cause: met })]) {
        const ran = await run(['build', 'keystone'], failing(error));
        expect(ran.exitCode).toBe(1);
        for (const word of words) expect(ran.stderr).toContain(word);
      }
    }
  });

  it('of a copy names the file that could not be written', async () => {
    const facts = { code: 'EROFS', syscall: 'copyfile', path: '/store/a', dest: '/out/x.tar.gz.17.tmp' };
    const ran = await run(['build', 'keystone'], failing(Object.assign(new Error('EROFS'), facts)));
    expect(ran.stderr).toContain('cannot write /out/x.tar.gz [KSB_SYSTEM_EROFS]');
  });

  it('that is a bug exits with 70 and keeps the stack in a file', async () => {
    const ran = await run(['build', 'keystone'], failing(new TypeError('x of undefined')));
    expect(ran.exitCode).toBe(70);
    expect(ran.stderr).not.toContain('    at ');
    expect(ran.stderr).toContain('this is a bug in ksbundle: x of undefined');
    const reports = path.join(directory, '.local', 'state', 'ksbundle');
    const [report = ''] = await readdir(reports);
    expect(ran.stderr).toContain(report);
    expect(await readFile(path.join(reports, report), 'utf8')).toMatch(/TypeError: x of undefined\n\s+at /);
    const verbose = await run(['build', 'keystone', '-v'], failing(new TypeError('x of undefined')));
    expect(verbose.stderr).toContain('    at ');
  });

  it('after an interruption is reported as the interruption, whatever was thrown', async () => {
    const { abortOnSignals } = await import('../../../src/cli/interruption.ts');
    const before = new Set(process.listeners('SIGTERM'));
    const signal = abortOnSignals(() => undefined);
    const interrupted: Partial<Pipeline> = {
      buildBundle: async (context) =>
        asTask(context, { task: 'build:x', title: 'build x' }, async () => {
          process.emit('SIGTERM');
          throw new Error('the child was killed');
        }),
    };
    const ran = await run(['build', 'keystone', '--json'], interrupted, { signal });
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      for (const listener of process.listeners(name)) if (!before.has(listener)) process.off(name, listener);
    }
    expect(ran.exitCode).toBe(143);
    expect(ran.stderr).toMatch(/✗ build x interrupted \(\d+\.\d s\)/);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: 'KSB_INTERRUPTED', exitCode: 143 } });
  });
});

describe('audit', () => {
  const pipeline = (findings: readonly Finding[]): Partial<Pipeline> => ({
    auditPath: async () => ({ ...audit, findings }),
  });

  it('prints findings and exits with 5', async () => {
    const ran = await run(['audit', '.'], pipeline([finding]));
    expect([ran.exitCode, ran.stderr]).toEqual([5, '']);
    expect(ran.stdout).toContain('glibc-floor:\n  lib/libx.so needs glibc 2.30\n');
    expect(ran.stdout).toContain(
      '1 findings: 9 files, 3 of them ELF, against 1 rules; newest glibc needed: 2.17',
    );
  });

  it('exits with 0 if all are declared', async () => {
    const declared = { ...finding, exception: { reason: 'never called', override: 'none' } };
    const ran = await run(['audit', '.', '--json'], pipeline([declared]));
    expect(ran.exitCode).toBe(0);
    expect(JSON.parse(ran.stdout)).toMatchObject({ findings: [{ exception: { reason: 'never called' } }] });
  });

  describe('of a release with advisories', () => {
    const advisories: AdvisoryReport = {
      feeds: [{ feed: 'PyPI', records: 9, newest: '2026-11-20T00:00:00.000Z' }],
      checked: 1,
      unchecked: [],
      vulnerabilities: [],
      undecided: [],
      unused: [],
    };
    const known: Vulnerability = {
      part: 'wheel:app',
      version: '1.0',
      ids: ['CVE-2026-1'],
      summary: 'It breaks.',
      fixes: ['1.1'],
    };

    it('exits with 5 if a vulnerability is known, and shows it with the date of the database', async () => {
      const report = { ...audit, advisories: { ...advisories, vulnerabilities: [known] } };
      const ran = await run(['audit', '.', '--advisories', 'osv'], { auditPath: async () => report });
      expect(ran.exitCode).toBe(5);
      expect(ran.stdout).toContain('app 1.0: CVE-2026-1, not rated: It breaks.\n    → fixed in 1.1\n');
      expect(ran.stdout).toContain('PyPI: 9 records, the newest of 2026-11-20\n');
    });

    it('exits with 0 if none is known, and passes on path and age', async () => {
      const asked: unknown[] = [];
      const answers: Partial<Pipeline> = {
        auditPath: async (_context, _file, lookUp) => {
          asked.push(lookUp);
          return { ...audit, advisories };
        },
      };
      const ran = await run(['audit', '.', '--advisories', 'osv', '--json'], answers);
      expect(ran.exitCode).toBe(0);
      expect(JSON.parse(ran.stdout)).toMatchObject({ filesScanned: 9, advisories: { checked: 1 } });
      await run(['audit', '.', '--advisories', 'osv', '--max-age', '7'], answers);
      await run(['audit', '.'], answers);
      const database = path.join(directory, 'osv');
      expect(asked).toEqual([{ database, maxAge: 30 }, { database, maxAge: 7 }, undefined]);
    });

    it.each([
      ['--max-age', '7'],
      ['--advisories', 'osv', '--max-age', 'x'],
      ['--advisories', 'osv', '--max-age', '-1'],
    ])('refuses %j %j %j %j', async (...options) => {
      const ran = await run(['audit', '.', ...options.filter((word) => word !== undefined)], {});
      expect([ran.exitCode, ran.stdout]).toEqual([2, '']);
    });

    it.each([[], ['--sbom', 'spdx'], ['--vex']])(
      'of a tarball is only for its page: %j %j',
      async (...more) => {
        const ran = await run(['inspect', 'a.tar.gz', ...more, '--advisories', 'osv'], {});
        expect([ran.exitCode, ran.stdout]).toEqual([2, '']);
        expect(ran.stderr).toContain('--html');
      },
    );
  });
});

describe('a file', () => {
  const pipeline: Partial<Pipeline> = {
    verifyFile: async (file) => ({
      file,
      release: await readFile(file, 'utf8'),
      releaseId: sha256('0'.repeat(64)),
      filesChecked: 1,
      signature: 'none',
      keys: [],
      bytes: 2,
    }),
  };

  it('is read from standard input as -, and the temporary copy is gone afterwards', async () => {
    const ran = await run(['verify', '-', '--json'], pipeline, { stdin: 'piped' });
    const { release, file } = JSON.parse(ran.stdout) as { release: string; file: string };
    expect(release).toBe('piped');
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });

  it('is relative to the working directory', async () => {
    await writeFile(path.join(directory, 'a.tar.gz'), 'named');
    expect((await run(['verify', 'a.tar.gz'], pipeline)).stdout).toContain('named: 1 files');
  });

  it('that is missing is an error of usage', async () => {
    const ran = await run(['verify', 'b.tar.gz'], pipeline);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain(`cannot read ${path.join(directory, 'b.tar.gz')}`);
  });

  it('that is a directory is one too', async () => {
    const ran = await run(['verify', '.'], pipeline);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain('it is a directory');
  });
});

describe('lock', () => {
  const asked: unknown[] = [];
  const pipeline: Partial<Pipeline> = {
    listRecipes: async () => [recipe],
    lockBundle: async (_context, bundle, options) => {
      asked.push([bundle, options]);
      return {
        lockfile: 'l.json',
        changes: [{ kind: 'changed', name: 'greenlet', from: '3.2.5', to: '3.5.5' }],
        rewritten: true,
        skipped: [],
        uncompared: [],
      };
    },
  };
  beforeEach(() => {
    asked.length = 0;
  });

  it.each([
    [['lock'], { check: false, dryRun: false }],
    [['lock', '--check'], { check: true, dryRun: false }],
    [['lock', 'keystone', '--upgrade'], { check: false, dryRun: false, upgrade: [], minAge: 7 }],
    [['lock', '--upgrade', 'keystone'], { check: false, dryRun: false, upgrade: [], minAge: 7 }],
    [
      ['lock', '--upgrade', 'greenlet', '-n'],
      { check: false, dryRun: true, upgrade: ['greenlet'], minAge: 7 },
    ],
    [['lock', '--upgrade', '--min-age', '0'], { check: false, dryRun: false, upgrade: [], minAge: 0 }],
  ])('%j', async (argv, options) => {
    const ran = await run(argv, pipeline);
    expect(asked).toEqual([['keystone', options]]);
    expect(ran.stdout).toBe('changed  greenlet  3.2.5 → 3.5.5\n');
  });

  it.each([
    [false, [], 'l.json is up to date\n'],
    [true, [], 'l.json is rewritten: the versions are the same, but the recipes have changed\n'],
    [true, ['-n'], 'l.json would be rewritten: the versions are the same, but the recipes have changed\n'],
  ])('distinguishes a written lockfile from an unchanged one: %j %j', async (rewritten, options, text) => {
    const ran = await run(['lock', 'keystone', ...options], {
      lockBundle: async () => ({ lockfile: 'l.json', changes: [], rewritten, skipped: [], uncompared: [] }),
    });
    expect(ran.stdout).toBe(text);
  });
});

it('lock reports versions that were too young, the one kept instead, and missing facts of the index', async () => {
  const uploaded = '2026-11-28T00:00:00.000Z';
  const ran = await run(['lock', 'keystone', '--upgrade'], {
    listRecipes: async () => [recipe],
    lockBundle: async () => ({
      lockfile: 'l.json',
      changes: [],
      rewritten: false,
      skipped: [
        { name: 'lib', version: '4.0', uploaded },
        { name: 'app', version: '4.0', uploaded, kept: '3.0' },
      ],
      uncompared: ['greenlet', 'lib'],
    }),
  });
  expect(ran.stdout).toBe(
    [
      'l.json is up to date',
      'skipped lib 4.0: uploaded on 2026-11-28, it is younger than --min-age',
      'skipped app 4.0: uploaded on 2026-11-28, it is younger than --min-age; keeping the locked 3.0',
      'attestations not compared (2 of the wheels): the Python index does not say which files have one (PEP 740)',
      '',
    ].join('\n'),
  );
});

it("try prints the URL, the recipe's entries, and a correctly quoted command", async () => {
  const ran = await run(['try', 'keystone'], {
    tryBundle: async () => ({
      release: '/r',
      instance: '/i',
      urls: ['http://127.0.0.1:8080', 'http://[::1]:8080'],
      shown: [{ name: 'token', text: 'gAAAA' }],
      stop: ['/tmp/it s/bootstrap.sh', 'stop'],
      remove: ['rm', '-r', '/tmp/it s'],
    }),
  });
  expect(ran.stdout).toBe(
    "url     http://127.0.0.1:8080\ntoken   gAAAA\nstop    '/tmp/it s/bootstrap.sh' stop\nremove  rm -r '/tmp/it s' # once it is stopped\n",
  );
});

it('a misspelt variable is a warning on stderr', async () => {
  const ran = await run(['cache', 'path'], {}, { environment: { KSBUNDLE_CAHCE: '/x' } });
  expect(ran.stdout).toBe(`${path.join(directory, '.cache', 'ksbundle')}\n`);
  expect(ran.stderr).toContain('did you mean KSBUNDLE_CACHE?');
});
