import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { tallyOne, tallyReport } from './tally.mjs';

const ROOT = path.join(import.meta.dirname, '../..');

/** Static checks, each an npm script that fails or passes as a whole. */
const CHECKS = ['types', 'lint', 'format', 'unused', 'package', 'shell', 'python', 'lock'];

/** All suites, in this order. Each returns a tally. */
export const SUITES = [
  { name: 'compile', run: () => runCheck('compile') },
  ...CHECKS.map((name) => ({ name, run: () => runCheck(name) })),
  { name: 'unit', run: () => runVitest('unit', ['unit']) },
  { name: 'installer', run: runInstallerTests },
  { name: 'integration', run: () => runVitest('integration', ['integration']) },
  { name: 'e2e', run: () => runVitest('e2e', ['e2e', 'e2e-alone']) },
];

async function runCheck(name) {
  const exitCode = await runProgram('npm', ['run', '--silent', name]);
  return tallyOne(exitCode === 0, `failed: npm run ${name}`);
}

async function runVitest(name, projects) {
  const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
  return runReporting(name, (report) => [
    process.execPath,
    vitest,
    'run',
    ...projects.map((project) => `--project=${project}`),
    '--reporter=default',
    '--reporter=json',
    `--reporter=${path.join(import.meta.dirname, 'processor-time.mjs')}`,
    `--outputFile.json=${report}`,
  ]);
}

async function runInstallerTests() {
  return runReporting('installer', (report) => [
    'python3',
    '-B',
    'test/unit/init/run.py',
    '--report',
    report,
  ]);
}

/** Runs a program that writes a report of tests, and counts these. */
async function runReporting(name, commandOf) {
  const report = path.join(ROOT, 'coverage', `${name}.json`);
  await rm(report, { force: true });
  const [program, ...parameters] = commandOf(report);
  const exitCode = await runProgram(program, parameters);
  const text = await readFile(report, 'utf8').catch(() => undefined);
  if (text === undefined) return tallyOne(false, `failed: the ${name} tests ended before they could report`);
  return tallyReport(name, JSON.parse(text), exitCode);
}

/** Runs a program in the repository, with its output shown; returns its exit code. */
async function runProgram(program, parameters) {
  const color =
    process.stdout.isTTY && process.env['NO_COLOR'] === undefined ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
  const env = { ...process.env, ...color };
  const child = spawn(program, parameters, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    const [exitCode, signal] = await once(child, 'close');
    return exitCode ?? signal;
  } catch (error) {
    process.stderr.write(`${program} cannot be run: ${error.message}\n`);
    return 127;
  }
}
