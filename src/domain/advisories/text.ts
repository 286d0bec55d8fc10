import { z } from 'zod';

/** A time of RFC 3339 in milliseconds since 1970; NVD leaves the zone out and means UTC. */
export const time = z.string().transform((text, context) => {
  const zoned = /(?:Z|[+-]\d\d:\d\d)$/iu.test(text) ? text : `${text}Z`;
  const milliseconds = Date.parse(zoned);
  if (!Number.isNaN(milliseconds)) return milliseconds;
  context.issues.push({ code: 'custom', input: text, message: `${JSON.stringify(text)} is not a time` });
  return z.NEVER;
});

const LONGEST = 160;

/** The start of a text as one line: its first sentence, shortened if necessary. */
export function firstLine(text: string): string {
  const line = text.replaceAll(/\s+/gu, ' ').trim();
  const [sentence] = /^.*?[.!?](?= [A-Z]|$)/u.exec(line) ?? [line];
  return sentence.length <= LONGEST ? sentence : `${sentence.slice(0, LONGEST - 1).trimEnd()}…`;
}
