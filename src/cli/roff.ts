/** Characters that roff interprets or typesets as other ones, as escapes that keep them. */
const ESCAPES: Readonly<Record<string, string>> = {
  '\\': String.raw`\(rs`,
  '-': String.raw`\-`,
  "'": String.raw`\(aq`,
  '`': String.raw`\(ga`,
  '^': String.raw`\(ha`,
  '~': String.raw`\(ti`,
};

/** Text as roff shows it, character by character, in ASCII; for the start of a line, too. */
export function roffText(text: string): string {
  const escaped = text
    .replaceAll(/[\\\-'`^~]/g, (character) => ESCAPES[character] ?? character)
    .replaceAll(
      /[^\n -~]/gu,
      (character) => `\\[u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}]`,
    );
  return escaped.replace(/^\./u, String.raw`\&.`);
}

export function bold(text: string): string {
  return `\\fB${roffText(text)}\\fR`;
}

export function italic(text: string): string {
  return `\\fI${roffText(text)}\\fR`;
}

/** The lines of a section; none without contents. */
export function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

/** Terms with their descriptions; both are roff already. */
export function definitions(entries: readonly (readonly [term: string, text: string])[]): string[] {
  return entries.flatMap(([term, text]) => ['.TP', term, text]);
}
