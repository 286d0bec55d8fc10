import path from 'node:path';
import process from 'node:process';

/** A reporter for vitest that prints the processor time of each test file, the longest first. */
export default class ProcessorTimeReporter {
  onTestRunEnd(testModules) {
    const measured = testModules
      .map((file) => ({ name: path.basename(file.moduleId), seconds: file.meta().processorTime }))
      .filter(({ seconds }) => seconds !== undefined)
      .toSorted((a, b) => b.seconds - a.seconds);
    if (measured.length === 0) return;
    const lines = measured.map(({ name, seconds }) => `${seconds.toFixed(1).padStart(7)} s  ${name}`);
    const total = measured.reduce((sum, { seconds }) => sum + seconds, 0);
    process.stdout.write(
      `\nProcessor time of ${measured.length} files, ${total.toFixed(0)} s in all:\n${lines.join('\n')}\n`,
    );
  }
}
