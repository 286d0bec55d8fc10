import type { Reporter, ReporterOptions } from './reporter.ts';

interface ReporterChoice extends ReporterOptions {
  readonly format: 'ndjson' | 'text';
  readonly quiet: boolean;
}

/**
 * The reporter for these flags and this stream. Loads only that one, so that the code for terminals is not loaded
 * elsewhere.
 */
export async function chooseReporter({ format, quiet, ...options }: ReporterChoice): Promise<Reporter> {
  if (format === 'ndjson') return (await import('./ndjson.ts')).createNdjsonReporter(options.stderr);
  if (quiet) return (await import('./grave.ts')).createGraveReporter(options.stderr);
  if (options.stderr.animated) return (await import('./terminal.ts')).createTerminalReporter(options);
  return (await import('./lines.ts')).createLinesReporter(options);
}
