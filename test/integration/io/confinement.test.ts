import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { findConfinement } from '../../../src/host/confinement.ts';
import type { Confinement } from '../../../src/io/confinement.ts';
import { removeTree } from '../../../src/io/files.ts';
import { run, type RunResult } from '../../../src/io/process.ts';

let confinement: Confinement;
let lacking: string | undefined;

beforeAll(async () => {
  const root = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-root-'));
  confinement = await findConfinement({ root });
  lacking = confinement.level === 'full' ? undefined : confinement.why;
  return () => removeTree(root);
});

interface Shut extends RunResult {
  readonly work: string;
  readonly host: string;
}

/** Runs a confined script, with a work directory and, beside it, files that it must not see. */
async function shutIn(script: string): Promise<Shut> {
  const host = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-host-'));
  onTestFinished(() => removeTree(host));
  const work = path.join(host, 'work');
  await mkdir(work);
  await writeFile(path.join(host, 'secret'), 'of the host');
  const command = confinement.enter(
    {
      argv: ['sh', '-c', script],
      environment: { PATH: '/usr/bin:/bin', HOST: host, ODD: `a b'c"$d` },
      directory: work,
    },
    { readable: [], writable: [work] },
  );
  return { ...(await run(command.argv, command)), work, host };
}

describe('a confinement', () => {
  it('shows the system, the work directory, and nothing else of the host', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { stdout } = await shutIn(
      'ls /; ls "$HOST"; cat "$HOST/secret" 2>&1; pwd; echo "$ODD"; env | sort',
    );
    expect(stdout).toContain('No such file');
    expect(stdout).not.toMatch(/^(?:home|root|run|srv|var|secret|sys)$/mu);
    expect(stdout).toContain(`a b'c"$d`);
    expect(stdout).not.toContain('LEAK');
  });

  it('lets a program write only to its work directory', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const { stdout, work } = await shutIn(`
      for place in "$PWD" /usr /etc / /proc/sys/kernel /dev /dev/shm /tmp; do
        if (: >"$place/written") 2>/dev/null; then echo "$place"; fi
      done
      (echo x >/proc/sys/kernel/core_pattern) 2>/dev/null && echo kernel
      mount -o remount,bind,rw /usr 2>/dev/null && echo remounted
      unshare -U -r -m mount -o remount,bind,rw /usr 2>/dev/null && echo remounted
      chroot / true 2>/dev/null && echo chroot
      mknod device c 1 3 2>/dev/null && echo device
      grep ^Cap /proc/self/status | grep -v 0000000000000000
      true`);
    expect(stdout.split('\n').sort()).toEqual([work, '/dev/shm', '/tmp'].sort());
    expect(await readdir(work)).toEqual(['written']);
  });

  it('leaves no process, and no access to those of the host', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const server = createServer();
    const socket = path.join(os.tmpdir(), `ksbundle-${process.pid}.sock`);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    onTestFinished(() => void server.close());
    const { stdout, work } = await shutIn(`
      ls "${socket}" 2>/dev/null
      kill -0 ${process.pid} 2>/dev/null && echo reached
      sed -n 's/^ *\\([^ ]*\\):.*/\\1/p' /proc/net/dev
      (sleep 0.3; echo late >late) &
      true`);
    expect(stdout).toBe('lo');
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await readdir(work)).toEqual([]);
  });

  it("passes on a program's input and its exit status", async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    expect(await shutIn('exit 7')).toMatchObject({ exitCode: 7 });
    const { work } = await shutIn('echo made >file; kill -9 $$');
    expect(await readFile(path.join(work, 'file'), 'utf8')).toBe('made\n');
  });

  it('applies the environment only after privileges are dropped', async ({ skip }) => {
    if (lacking !== undefined) return skip(lacking);
    const work = await mkdtemp(path.join(os.tmpdir(), 'ksbundle-loader-'));
    onTestFinished(() => removeTree(work));
    // A library that every program would load, were the program's environment there from the start.
    for (const library of ['libc.so.6', 'libmount.so.1', 'libcap-ng.so.0'])
      await writeFile(path.join(work, library), 'no library');
    const command = confinement.enter(
      { argv: ['true'], environment: { PATH: '/usr/bin:/bin', LD_LIBRARY_PATH: work }, directory: work },
      { readable: [], writable: [work] },
    );
    const { exitCode, stderr } = await run(command.argv, command);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/^true: /u);
  });
});
