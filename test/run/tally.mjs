/**
 * What a suite came to.
 * @typedef {{ passed: number, failed: number, skipped: number, notes: string[] }} Tally
 */

/** The counts of one thing that passed or failed as a whole. */
export function tallyOne(passed, note) {
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0, notes: passed ? [] : [note] };
}

/** Adds tallies up. */
export function addTallies(tallies) {
  const sum = (pick) => tallies.reduce((total, tally) => total + pick(tally), 0);
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
    notes: tallies.flatMap(({ notes }) => notes),
  };
}

/**
 * Counts a report of vitest's JSON reporter. A file that failed as a whole (it does not load, or a hook threw) counts
 * as a failure, and so does a run that failed for another reason; `exitCode` is vitest's.
 */
export function tallyVitest(report, exitCode) {
  const failures = report.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    if (failed.length === 0 && file.status === 'failed')
      return [`failed: ${file.name} (the file as a whole)`];
    return failed.map(({ fullName }) => `failed: ${file.name}: ${fullName}`);
  });
  const results = report.testResults.flatMap((file) => file.assertionResults);
  const skipped = results.filter(({ status }) => status !== 'passed' && status !== 'failed');
  if (exitCode !== 0 && failures.length === 0)
    failures.push(`failed: vitest ended with ${exitCode}, see above`);
  return {
    passed: results.filter(({ status }) => status === 'passed').length,
    failed: failures.length,
    skipped: skipped.length,
    notes: [...failures, ...skipped.map(({ fullName }) => `skipped: ${fullName}`)],
  };
}

/** Counts what Python's unittest says at its end. */
export function tallyUnittest(output, exitCode) {
  const run = Number(/^Ran (\d+) tests?/m.exec(output)?.[1] ?? 0);
  const count = (name) =>
    Number(new RegExp(`\\b${name}=(\\d+)`).exec(/^(?:OK|FAILED) \(.*\)$/m.exec(output)?.[0] ?? '')?.[1] ?? 0);
  const skipped = count('skipped');
  const bad = count('failures') + count('errors') + count('unexpected successes');
  const failed = Math.max(bad, exitCode === 0 && run > 0 ? 0 : 1);
  const notes = failed === 0 ? [] : ['failed: Python tests of the installer, see above'];
  return { passed: Math.max(0, run - skipped - bad), failed, skipped, notes };
}

/** The line that a run of tests closes with. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}
