import { randomUUID } from 'node:crypto';
import { visible } from '../domain/visible.ts';

/** Paints text, or returns it unchanged. Only `render` writes painted text. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

/** Replaces the start of an ANSI sequence until the text is written: no other text can contain it. */
const MARK = `<${randomUUID()}>`;

export function createStyle(colour: boolean): Style {
  const paint =
    (open: number, close: number) =>
    (text: string): string =>
      colour ? `${MARK}${open}m${text}${MARK}${close}m` : text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  };
}

/** The text as one line with the ANSI sequences of its style, and all other control characters escaped. */
export function render(text: string): string {
  return visible(text).replaceAll(MARK, '\u001B[');
}
