// Runs every check and test, or the named suites, and prints their counts: see CONTRIBUTING.md.
import process from 'node:process';
import { missingPackages } from './needs.mjs';
import { SUITES } from './suites.mjs';
import { addTallies, closingLine, slowestLines } from './tally.mjs';

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !SUITES.some((suite) => suite.name === name));
if (unknown.length > 0) {
  const names = SUITES.map(({ name }) => name).join(', ');
  process.stderr.write(`error: no suite is named ${unknown.join(', ')}; there are ${names}\n`);
  process.exit(2);
}

const missing = await missingPackages();
if (missing.length > 0) {
  process.stderr.write(
    `error: the tests need programs that this machine lacks\n  do, as root: apt-get install ${missing.join(' ')}\n`,
  );
  process.exit(3);
}

const tallies = [];
for (const { name, run } of SUITES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const start = performance.now();
  process.stdout.write(`\n== ${name}\n`);
  const tally = await run();
  tallies.push(tally);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`== ${name}: ${closingLine(tally)} in ${seconds} s\n`);
}

const total = addTallies(tallies);
if (total.times.length > 0) process.stdout.write(`\nThe slowest tests:\n${slowestLines(total).join('\n')}\n`);
process.stdout.write(`\n${total.notes.map((note) => `${note}\n`).join('')}${closingLine(total)}\n`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
