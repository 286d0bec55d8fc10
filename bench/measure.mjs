/** Seconds that `work` takes. */
export async function time(work) {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Seconds of each of `runs` runs in sequence; `work` gets the run's number. */
export async function repeat(runs, work) {
  const seconds = [];
  for (let index = 0; index < runs; index += 1) seconds.push(await time(() => work(index)));
  return seconds;
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Prints a table of figures: `{ name, seconds, goal, unit }`; `seconds` are values in the given unit. */
export function print(rows) {
  console.log(
    `${'what'.padEnd(56)} ${'runs'.padStart(4)} ${'min'.padStart(8)} ${'median'.padStart(8)} ${'max'.padStart(8)} ${'goal'.padStart(7)} ${'ratio'.padStart(6)}`,
  );
  for (const { name, seconds, goal, unit = 's' } of rows) {
    const figures = [Math.min(...seconds), median(seconds), Math.max(...seconds)].map((value) =>
      value.toFixed(2).padStart(8),
    );
    const ratio = goal ? (median(seconds) / goal).toFixed(2) : '';
    console.log(
      `${`${name} (${unit})`.padEnd(56)} ${String(seconds.length).padStart(4)} ${figures.join(' ')} ${(goal ?? '').toString().padStart(7)} ${ratio.padStart(6)}`,
    );
  }
}
