import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { tallyOne, tallyUnittest, tallyVitest } from './tally.mjs';

const ROOT = path.join(import.meta.dirname, '../..');

/** Static checks, each an npm script that fails or passes as a whole. */
const CHECKS = ['types', 'lint', 'format', 'unused', 'package', 'shell', 'python', 'lock'];

/** Everything that is run, in this order. Each gives a tally. */
export const SUITES = [
  { name: 'compile', run: () => runCheck('compile') },
  ...CHECKS.map((name) => ({ name, run: () => runCheck(name) })),
  { name: 'unit', run: () => runVitest('unit') },
  { name: 'installer', run: runUnittest },
  { name: 'integration', run: () => runVitest('integration') },
  { name: 'e2e', run: () => runVitest('e2e') },
];

async function runCheck(name) {
  const { exitCode } = await runProgram('npm', ['run', '--silent', name]);
  return tallyOne(exitCode === 0, `failed: npm run ${name}`);
}

async function runVitest(project) {
  const report = path.join(ROOT, 'coverage', `${project}.json`);
  await rm(report, { force: true });
  const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { exitCode } = await runProgram(process.execPath, [
    vitest,
    'run',
    '--project',
    project,
    ...reporters,
  ]);
  const text = await readFile(report, 'utf8').catch(() => undefined);
  if (text === undefined)
    return tallyOne(false, `failed: the ${project} tests ended before they could report`);
  return tallyVitest(JSON.parse(text), exitCode);
}

async function runUnittest() {
  const directory = 'test/unit/init';
  const { exitCode, output } = await runProgram('python3', [
    '-B',
    '-m',
    'unittest',
    'discover',
    '--buffer',
    '-s',
    directory,
    '-t',
    directory,
  ]);
  return tallyUnittest(output, exitCode);
}

/** Runs a program in the repository, shows what it says as it comes, and also returns it. */
async function runProgram(program, parameters) {
  const color =
    process.stdout.isTTY && process.env['NO_COLOR'] === undefined ? { FORCE_COLOR: '1' } : { NO_COLOR: '1' };
  const env = { ...process.env, ...color };
  const child = spawn(program, parameters, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const parts = [];
  for (const [stream, target] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    stream.on('data', (chunk) => {
      parts.push(chunk);
      target.write(chunk);
    });
  }
  try {
    const [exitCode, signal] = await once(child, 'close');
    return { exitCode: exitCode ?? signal, output: Buffer.concat(parts).toString() };
  } catch (error) {
    process.stderr.write(`${program} cannot be run: ${error.message}\n`);
    return { exitCode: 127, output: '' };
  }
}
