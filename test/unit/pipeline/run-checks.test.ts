import { describe, expect, it } from 'vitest';
import { ExitCode, KsbundleError } from '../../../src/domain/errors.ts';
import { runChecks } from '../../../src/pipeline/run-checks.ts';

const error = new KsbundleError({
  code: 'KSB_X',
  exitCode: ExitCode.failed,
  message: 'it is broken',
  place: { file: '/r.toml', line: 3 },
  why: 'rust',
  hint: 'oil it',
  problems: [{ code: 'p', message: 'a hole', hint: 'fill it', details: ['deep'], place: { file: '/q' } }],
  details: ['old'],
});

describe('checks', () => {
  const options = { patience: 50, signal: new AbortController().signal };
  const ok = { state: 'ok', message: 'fine' } as const;

  it('run in order; an error for users is a fault with everything it says, once', async () => {
    const fail = async (): Promise<never> => Promise.reject(error);
    const checks = [
      { name: 'a', run: async () => ok },
      { name: 'b', run: fail },
      { name: 'c', run: fail },
      { name: 'd', run: async () => [ok, ok] },
    ];
    expect(await runChecks(checks, options)).toEqual([
      { check: 'a', ...ok },
      {
        check: 'b',
        state: 'fault',
        message: '/r.toml:3: it is broken',
        why: 'rust',
        details: ['/q: a hole', 'deep', 'fill it', 'old'],
        hint: 'oil it',
      },
      { check: 'd', ...ok },
      { check: 'd', ...ok },
    ]);
  });

  it('that do not end are faults, and the next one runs', async () => {
    const checks = [
      { name: 'hangs', run: async () => new Promise<never>(() => undefined) },
      { name: 'next', run: async () => ok },
    ];
    expect(await runChecks(checks, options)).toMatchObject([
      { check: 'hangs', state: 'fault', message: 'this check did not end within 0.05 seconds' },
      { check: 'next', state: 'ok' },
    ]);
  });

  it('throw bugs, and the reason of an interruption', async () => {
    const bug = new TypeError('oops');
    const broken = { name: 'x', run: async (): Promise<never> => Promise.reject(bug) };
    await expect(runChecks([broken], options)).rejects.toBe(bug);
    const controller = new AbortController();
    const running = runChecks([{ name: 'x', run: async () => new Promise<never>(() => undefined) }], {
      patience: 60_000,
      signal: controller.signal,
    });
    controller.abort(bug);
    await expect(running).rejects.toBe(bug);
  });
});
