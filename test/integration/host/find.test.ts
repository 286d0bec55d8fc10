import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KsbundleError } from '../../../src/domain/errors.ts';
import { findHostTools, type FindOptions } from '../../../src/host/find.ts';
import { HOST_TOOLS, type HostTool } from '../../../src/host/tools.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'ksb-host-'));
});
afterEach(async () => rm(directory, { recursive: true }));

function tools(...names: string[]): HostTool[] {
  return HOST_TOOLS.filter(({ name }) => names.includes(name));
}

async function program(name: string, script: string, mode = 0o755): Promise<void> {
  const file = path.join(directory, name);
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, mode);
}

async function facts(options: FindOptions): Promise<KsbundleError['facts']> {
  const error: unknown = await findHostTools({ osRelease: 'ID=debian', ...options }).catch(
    (reason: unknown) => reason,
  );
  return (error as KsbundleError).facts;
}

describe('on this machine', () => {
  it('finds every tool of the registry, with versions', async () => {
    const found = await findHostTools();
    expect(found.map(({ name }) => name)).toEqual(HOST_TOOLS.map(({ name }) => name));
    expect(found.every((tool) => path.isAbsolute(tool.path))).toBe(true);
    const versions = new Map(found.map(({ name, version }) => [name, version]));
    expect(versions.get('make')).toMatch(/^\d+\.\d+/);
    expect(versions.get('perl')).toMatch(/^5\.\d+\.\d+$/);
    expect(versions.get('xz')).toMatch(/^\d+\.\d+\.\d+$/);
    expect(versions.get('true')).toBeUndefined();
  });
});

describe('an unsuitable tool', () => {
  it('is reported with all others at once, with the reason and the command that installs it', async () => {
    await program('cat', 'exit 0');
    const { code, exitCode, message, problems, hint } = await facts({
      tools: tools('make', 'xz', 'cat'),
      searchPath: directory,
    });
    expect({ code, exitCode, message }).toEqual({
      code: 'KSB_HOST_TOOL_MISSING',
      exitCode: 3,
      message: '2 required programs are missing on this machine',
    });
    expect(problems).toEqual([
      {
        code: 'tool-missing',
        message: 'make is not installed; it is needed to compile every component that has a makefile',
      },
      { code: 'tool-missing', message: 'xz is not installed; it is needed to unpack .tar.xz sources' },
    ]);
    expect(hint).toBe('install them as root: apt-get install make xz-utils');
  });

  it('is a file that cannot be executed, a directory of that name, or one on a relative path', async () => {
    await program('make', 'exit 0', 0o644);
    await mkdir(path.join(directory, 'xz'));
    const { problems } = await facts({ tools: tools('make', 'xz'), searchPath: `${directory}:.:` });
    expect(problems?.map(({ code }) => code)).toEqual(['tool-missing', 'tool-missing']);
  });

  it('is a make that is too old, or of unknown version', async () => {
    await program('make', 'echo "GNU Make 3.80"');
    expect((await facts({ tools: tools('make'), searchPath: directory })).problems?.[0]?.message).toContain(
      'make is 3.80, but 3.81 or newer is required',
    );
    await program('make', 'echo "bmake"; exit 2');
    expect((await facts({ tools: tools('make'), searchPath: directory })).problems?.[0]?.code).toBe(
      'tool-too-old',
    );
  });

  it('is one that does not answer', async () => {
    await program('make', 'exec sleep 1000');
    const { problems, hint } = await facts({ tools: tools('make'), searchPath: directory, patience: 100 });
    expect(problems?.[0]).toMatchObject({
      code: 'tool-silent',
      message: expect.stringContaining('make does not answer'),
    });
    expect(hint).toContain('this machine is too busy');
  });

  it('is a perl without the modules, each of which is named', async () => {
    const perl = (await findHostTools({ tools: tools('perl') }))[0];
    await symlink(perl?.path ?? '', path.join(directory, 'perl'));
    const [registered] = tools('perl');
    const wanting = { ...registered, modules: ['File::Compare', 'No::Such', 'Nor::This'] } as HostTool;
    const { problems, hint } = await facts({
      tools: [wanting],
      searchPath: directory,
      osRelease: 'ID=fedora',
    });
    expect(problems?.[0]).toMatchObject({
      code: 'module-missing',
      message: expect.stringContaining('perl lacks the modules No::Such, Nor::This'),
    });
    expect(hint).toBe('install it as root: dnf install perl-core');
  });
});

it('takes the first tool on the path', async () => {
  await program('make', 'echo "GNU Make 9.1.2"');
  const [make] = await findHostTools({ tools: tools('make'), searchPath: `${directory}:/usr/bin:/bin` });
  expect(make).toEqual({ name: 'make', path: path.join(directory, 'make'), version: '9.1.2' });
});
