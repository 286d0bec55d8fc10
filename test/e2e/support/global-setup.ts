import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { run } from '../../../src/io/process.ts';

const ROOT = path.join(import.meta.dirname, '../../..');

/**
 * Builds the real bundle with the real command line, as a user does, and tells the tests where it is. With
 * `KSBUNDLE_TEST_TARBALL` a tarball that is there already is tested instead.
 */
export default async function setup(project: TestProject): Promise<void> {
  const given = process.env['KSBUNDLE_TEST_TARBALL'] ?? '';
  project.provide('tarball', given === '' ? await buildBundle() : path.resolve(given));
}

async function buildBundle(): Promise<string> {
  const out = path.join(ROOT, 'out');
  const cli = path.join(ROOT, 'dist/cli/main.js');
  const start = performance.now();
  const errors: string[] = [];
  const built = await run([process.execPath, cli, 'build', 'keystone', '--out', out], { directory: ROOT });
  errors.push(built.stderr);
  if (built.exitCode !== 0) {
    throw new Error(`ksbundle build keystone ended with ${built.exitCode}:\n${built.stderr.slice(-8000)}`);
  }
  const lines = built.stdout.split('\n');
  const [file] = lines;
  if (file === undefined || lines.length > 1 || !path.isAbsolute(file)) {
    throw new Error(`ksbundle build keystone printed more or less than a path:\n${built.stdout}`);
  }
  const { size } = await stat(file);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  process.stderr.write(`built ${file} (${(size / 1e6).toFixed(1)} MB) in ${seconds} s\n`);
  return file;
}
