import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../../src/cli/command-table.ts';
import { manPages } from '../../../src/cli/man-pages.ts';
import { roffText } from '../../../src/cli/roff.ts';
import { packageRoot } from '../../../src/io/package-info.ts';
import { run } from '../../../src/io/process.ts';

const pages = manPages('1.2.3');

/** A page as man(1) shows it on a wide terminal, without formatting. */
async function shown(name: string): Promise<string> {
  const argv = ['groff', '-ww', '-man', '-Tutf8', '-P-cbou', '-rLL=400n'];
  const { exitCode, stdout, stderr } = await run(argv, { input: pages.get(name) ?? '' });
  expect([name, exitCode, stderr]).toEqual([name, 0, '']);
  return stdout;
}

describe('manual pages', () => {
  it('exist for the program and each command, and npm installs all of them', async () => {
    expect([...pages.keys()]).toEqual([
      'ksbundle.1',
      ...COMMANDS.map(({ name }) => `ksbundle-${name.replaceAll(' ', '-')}.1`),
    ]);
    const manifest: unknown = JSON.parse(await readFile(path.join(packageRoot(), 'package.json'), 'utf8'));
    expect(manifest).toMatchObject({ man: [...pages.keys()].sort().map((name) => `./dist/man/${name}`) });
  });

  it('have no fault that groff or mandoc finds', async () => {
    for (const [name, text] of pages) {
      await shown(name);
      const { stdout, stderr } = await run(['mandoc', '-T', 'lint', '-W', 'warning'], { input: text });
      const faults = stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'));
      expect([name, faults, stderr]).toEqual([name, [], '']);
    }
  });

  it('say what --help says', async () => {
    const build = await shown('ksbundle-build.1');
    expect(build).toContain('ksbundle-build - build a bundle and print the path of its tarball');
    expect(build).toContain('ksbundle build [BUNDLE] [options]');
    expect(build).toMatch(/-p, --platform PLATFORM\n +platform that the bundle runs on/);
    expect(build).toMatch(/--mirror DIR\|URL\n +look here first/);
    expect(build).toMatch(/ksbundle build hello --offline --mirror \/media\/usb\n +the same with no network/);
    const program = await shown('ksbundle.1');
    for (const { summary } of COMMANDS) expect(program).toContain(summary);
    expect(program).toMatch(/EXIT STATUS\n[^]*\n +5 +audit\.\n/);
    expect(await shown('ksbundle-lock.1')).toContain('--upgrade[=NAME]');
  });

  it('are ASCII, and keep every character', async () => {
    for (const text of pages.values()) expect(text).toMatch(/^[\n -~]*$/);
    // Lines that start like requests of roff, and characters that it interprets or replaces.
    for (const hostile of ['.x', "'x", String.raw`x \fB 'a' "b" --c \n^~` + '`…']) {
      const input = `.TH X 1 "" "x" "x"\n.SH NAME\nx \\- y\n.PP\n${roffText(hostile)}\n`;
      const { stdout } = await run(['groff', '-ww', '-man', '-Tutf8', '-P-cbou'], { input });
      expect(stdout).toContain(hostile);
    }
  });
});
