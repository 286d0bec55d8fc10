#!/usr/bin/env node
import type { Writable } from 'node:stream';
import { ExitCode, isErrnoException } from '../domain/errors.ts';
import { abortOnSignals } from './interruption.ts';
import { pipeline } from '../pipeline.ts';
import { runCli } from './run.ts';

// A closed pipe (`ksbundle recipes | head -1`) is not an error: the exit code does not change.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (isErrnoException(error, 'EPIPE')) return;
    process.stderr.write(`error: cannot write the result: ${error.message}\n`);
    process.exit(ExitCode.failed);
  });
}

const crash = new Promise<never>((_, reject) => {
  process.once('uncaughtException', reject);
});

const signal = abortOnSignals(({ signal: name }) => {
  process.stderr.write(`\n${name}: stopping; press again to stop at once\n`);
});

const exitCode = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  directory: process.cwd(),
  signal,
  crash,
  pipeline,
});
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
process.exit(exitCode);

/** Resolves when everything written so far has left the process, or no longer can. */
async function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
