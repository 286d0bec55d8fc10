import path from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const directory = import.meta.dirname;

/** The installer is Python and shell, and so are its tests; this runs them with the host's python3, 3.9 or later. */
test('the installer passes its own tests', { timeout: 120_000 }, async ({ skip }) => {
  const { exitCode: hasPython } = await execa({
    reject: false,
  })`python3 -c ${'import sys; sys.exit(sys.version_info < (3, 9))'}`;
  skip(hasPython !== 0, 'there is no python3, 3.9 or later, on this host');

  const { all, exitCode } = await execa({
    all: true,
    reject: false,
    cwd: path.join(directory, '../../..'),
  })`python3 -B -m unittest discover -s ${directory}`;

  expect(exitCode, all).toBe(0);
  expect(all).toMatch(/Ran [1-9]\d+ tests/);
});
