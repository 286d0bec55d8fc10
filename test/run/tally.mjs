/**
 * Result of a suite.
 *
 * @typedef {{ passed: number, failed: number, skipped: number, notes: string[], times: TestTime[] }} Tally
 *
 * @typedef {{ name: string, seconds: number }} TestTime
 */

/** Number of slowest tests to name. */
const SLOWEST = 20;

/** The counts of a single check. */
export function tallyOne(passed, note) {
  return {
    passed: passed ? 1 : 0,
    failed: passed ? 0 : 1,
    skipped: 0,
    notes: passed ? [] : [note],
    times: [],
  };
}

/** Adds tallies up. */
export function addTallies(tallies) {
  const sum = (pick) => tallies.reduce((total, tally) => total + pick(tally), 0);
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
    notes: tallies.flatMap(({ notes }) => notes),
    times: tallies.flatMap(({ times }) => times),
  };
}

/**
 * Counts a report in the form of vitest's JSON reporter. A file that failed as a whole (it does not load, or a hook
 * threw) counts as a failure, and so does a run that failed for another reason; `exitCode` is that of the suite `name`.
 */
export function tallyReport(name, report, exitCode) {
  const failures = report.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    if (failed.length === 0 && file.status === 'failed')
      return [`failed: ${file.name} (the file as a whole)`];
    return failed.map(({ fullName }) => `failed: ${file.name}: ${fullName}`);
  });
  const results = report.testResults.flatMap((file) => file.assertionResults);
  const skipped = results.filter(({ status }) => status !== 'passed' && status !== 'failed');
  if (exitCode !== 0 && failures.length === 0)
    failures.push(`failed: the ${name} tests ended with ${exitCode}, see above`);
  return {
    passed: results.filter(({ status }) => status === 'passed').length,
    failed: failures.length,
    skipped: skipped.length,
    notes: [...failures, ...skipped.map(({ fullName }) => `skipped: ${fullName}`)],
    times: results.map(({ fullName, duration }) => ({
      name: `${name}: ${fullName}`,
      seconds: (duration ?? 0) / 1000,
    })),
  };
}

/** The slowest tests of a tally, a line each, the slowest first. */
export function slowestLines({ times }) {
  const slowest = times.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  return slowest.map(({ name, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${name}`);
}

/** The last line of a test run. */
export function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}
