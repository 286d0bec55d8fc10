/**
 * Characters that control a terminal or disguise text: control characters (C0, DEL, C1), line and paragraph
 * separators, and marks that change the direction of text. `init/installer/report.py` and `init/bootstrap.sh` use the
 * same set.
 */
const OBEYED = /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu;

const hexadecimal = (character: string, digits: number): string =>
  (character.codePointAt(0) ?? 0).toString(16).padStart(digits, '0');

/** The text as one line without control characters: ESC as `\x1b`, U+202E as `\u202e`. */
export function visible(text: string): string {
  return text.replace(OBEYED, (character) =>
    character < '\u0100' ? `\\x${hexadecimal(character, 2)}` : `\\u${hexadecimal(character, 4)}`,
  );
}

/** The value as JSON without control characters; `indent` as for JSON.stringify. */
export function visibleJson(value: unknown, indent?: number): string {
  return visibleInJson(JSON.stringify(value, undefined, indent));
}

/** Rewrites a JSON document to an equal one without characters that control a terminal. */
export function visibleInJson(text: string): string {
  // Below U+0020, JSON contains only white space between values unescaped.
  return text
    .replace(/[\t\r]/g, ' ')
    .replace(OBEYED, (character) => (character === '\n' ? character : `\\u${hexadecimal(character, 4)}`));
}
