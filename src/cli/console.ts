import type { Writable } from 'node:stream';
import { redactUrl } from '../domain/url.ts';
import { visibleJson } from '../domain/visible.ts';
import type { Environment } from './environment.ts';
import type { Flags } from './options.ts';
import { createStyle, render, type Style } from './style.ts';

/** An output stream of a process: a terminal, a pipe or a file. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** One of the two outputs. */
export interface Channel {
  /** Writes one line. Removes credentials from URLs and escapes control characters. */
  readonly line: (text: string) => void;
  /** Writes a value as JSON, under the same rules; `indent` as JSON.stringify takes it. */
  readonly json: (value: unknown, indent?: number) => void;
  readonly style: Style;
  /** Whether lines can be redrawn. */
  readonly animated: boolean;
  readonly stream: OutputStream;
}

export interface Console {
  readonly stdout: Channel;
  readonly stderr: Channel;
}

export interface ConsoleOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: Environment;
  readonly color: Flags['color'];
}

/** Decides colour and animation for each stream by itself: see no-color.org for `NO_COLOR`. */
export function createConsole({ stdout, stderr, environment, color }: ConsoleOptions): Console {
  const noColor = environment['NO_COLOR'];
  const dumb = environment['TERM'] === 'dumb';
  const colourful = color !== false && (noColor === undefined || noColor === '') && !dumb;
  const channel = (stream: OutputStream): Channel => ({
    line: (text) => {
      stream.write(`${redactUrl(render(text))}\n`);
    },
    json: (value, indent) => {
      stream.write(`${redactUrl(visibleJson(value, indent))}\n`);
    },
    style: createStyle(colourful && stream.isTTY === true),
    animated: stream.isTTY === true && !dumb,
    stream,
  });
  return { stdout: channel(stdout), stderr: channel(stderr) };
}
