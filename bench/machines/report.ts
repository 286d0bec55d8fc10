import { writeFileSync } from 'node:fs';

/** A row of the table that `print` in measure.mjs prints. */
interface Row {
  readonly name: string;
  readonly seconds: readonly (number | undefined)[];
  readonly goal?: number;
}

/** Passes rows to `measureInMachine` in the file that it named. */
export function report(rows: readonly Row[]): void {
  writeFileSync(process.env['KSBUNDLE_BENCH_ROWS'] ?? '/dev/stderr', JSON.stringify(rows));
}
