import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { workDirectories } from '../../../src/build/environment.ts';
import { runSteps, type StepContext } from '../../../src/build/steps.ts';
import { KsbundleError } from '../../../src/domain/errors.ts';
import { findConfinement } from '../../../src/host/confinement.ts';
import { findHostTools } from '../../../src/host/find.ts';
import { UNCONFINED } from '../../../src/io/confinement.ts';
import type { Event } from '../../../src/domain/events.ts';
import type { Step } from '../../../src/domain/recipe.ts';

let top: string;
let work: string;
let events: Event[];

beforeEach(async () => {
  top = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-steps-'));
  work = path.join(top, 'work');
  await mkdir(path.join(work, 'source'), { recursive: true });
  events = [];
});
afterEach(() => rm(top, { recursive: true }));

function context(changes: Partial<StepContext> = {}): StepContext {
  return {
    component: 'demo',
    directories: workDirectories(work),
    environment: { PATH: process.env['PATH'] ?? '', GREETING: 'hello' },
    variables: { version: '1.2' },
    confinement: UNCONFINED,
    view: { readable: [], writable: [work] },
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    ...changes,
  };
}

function script(text: string): Step {
  return {
    name: 'try',
    command: { kind: 'script', script: text },
    directory: '.',
    environment: { STEP: '${version}' },
  };
}

async function failure(promise: Promise<unknown>): Promise<KsbundleError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof KsbundleError) return error;
  throw new Error('expected a KsbundleError', { cause: error });
}

describe('runSteps', () => {
  it('runs in the closed environment, expands variables and logs the output', async () => {
    process.env['LEAK'] = 'leaked';
    await runSteps(
      [script('echo "$GREETING ${version} $STEP $${LEAK:-closed}" | tee made; echo bad >&2')],
      context(),
    );
    delete process.env['LEAK'];
    expect(await readFile(path.join(work, 'source', 'made'), 'utf8')).toBe('hello 1.2 1.2 closed\n');
    const log = await readFile(path.join(top, 'work.log'), 'utf8');
    expect(log).toContain('hello 1.2 1.2 closed');
    expect(log).toContain('bad');
    expect(events).toContainEqual({ type: 'task-step', task: 'build:demo', step: 'try' });
  });

  it('stops at the first failing command and shows its last lines, the log and the way in', async () => {
    const error = await failure(
      runSteps([script('echo before\nfalse\necho after'), script('touch never')], context()),
    );
    expect(error.facts.code).toBe('KSB_BUILD_FAILED');
    expect(error.facts.why).toContain('exit code 1');
    expect(error.facts.details).toEqual(['before']);
    expect(error.facts.hint).toContain(path.join(top, 'work.log'));
    const entry = path.join(top, 'work.enter.sh');
    expect(error.facts.hint).toContain(entry);
    const shell = promisify(execFile)('sh', [entry]);
    shell.child.stdin?.end('echo "$GREETING from $(basename "$PWD")"');
    expect((await shell).stdout).toBe('hello from source\n');
  });

  it('names a program that does not exist', async () => {
    const step: Step = {
      name: 'try',
      command: { kind: 'argv', argv: ['no-such-program'] },
      directory: '.',
      environment: {},
    };
    expect((await failure(runSteps([step], context()))).facts.why).toContain('ENOENT');
  });

  it.each(['curl --version', 'printf "all:\\n\\tcurl --version\\n" >Makefile; make', 'env curl'])(
    'lists, for a missing program, the programs there are and how a recipe adds one: %s',
    async (text) => {
      const tools = path.join(top, 'tools');
      await mkdir(tools);
      for (const { name, path: file } of await findHostTools()) await symlink(file, path.join(tools, name));
      const error = await failure(runSteps([script(text)], context({ environment: { PATH: tools } })));
      expect(error.facts.why).toMatch(
        /did not find the program curl: a step can use only these programs of the host: awk, .*\bxz\b/u,
      );
      expect(error.facts.hint).toContain('${inputs}/bin/curl');
    },
  );

  it('does not mistake a missing file for a missing program', async () => {
    const error = await failure(runSteps([script('cat nowhere; sh -c "exit 3"')], context()));
    expect(error.facts.why).toBe('it ended with exit code 1');
  });

  it('ends the whole process group when it is aborted', async () => {
    const controller = new AbortController();
    const running = runSteps(
      [script('sleep 60 & echo $! > child; wait')],
      context({ signal: controller.signal }),
    );
    const child = async (): Promise<string> =>
      (await readFile(path.join(work, 'source', 'child'), 'utf8').catch(() => '')).trim();
    await expect.poll(child).not.toBe('');
    const pid = await child();
    controller.abort(new Error('stop'));
    await expect(running).rejects.toThrow('stop');
    await expect
      .poll(() =>
        readFile(`/proc/${pid}/stat`, 'utf8').then(
          (stat) => stat.split(' ')[2],
          () => 'gone',
        ),
      )
      .toMatch(/gone|Z/);
  });

  it('confines steps if the kernel allows it, and the shell for inspection too', async ({ skip }) => {
    const confinement = await findConfinement({ root: path.join(top, 'root') });
    if (confinement.level !== 'full') return skip(confinement.why);
    await writeFile(path.join(top, 'beside'), '');
    const step = script(`cat /proc/net/dev >devices; ls "${top}" >seen; kill -9 $$`);
    const error = await failure(runSteps([step], context({ confinement })));
    expect(error.facts.why).toBe('it was ended by SIGKILL');
    const devices = (await readFile(path.join(work, 'source', 'devices'), 'utf8'))
      .split('\n')
      .slice(2)
      .filter(Boolean);
    expect(devices.map((line) => line.split(':')[0]?.trim())).toEqual(['lo']);
    expect(await readFile(path.join(work, 'source', 'seen'), 'utf8')).toBe('work\n');
    const shell = promisify(execFile)('sh', [path.join(top, 'work.enter.sh')]);
    shell.child.stdin?.end(`echo "$GREETING from $(basename "$PWD")"; ls "${top}"`);
    expect((await shell).stdout).toBe('hello from source\nwork\n');
  });

  it('writes its log through no link that a step left', async () => {
    const target = path.join(top, 'target');
    await runSteps(
      [script(`ln -sf "${target}" ../build.log; ln -sf "${target}" ../enter.sh; echo said`)],
      context(),
    );
    await runSteps([script('true')], context());
    expect(await readdir(top)).not.toContain('target');
  });
});
