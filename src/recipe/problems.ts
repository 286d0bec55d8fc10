import path from 'node:path';
import type { Problem } from '../domain/errors.ts';
import type { Document, Unreadable } from './document.ts';
import { createLocator } from './locate.ts';
import type { Mistake } from './mistake.ts';

/** Finds the place of every mistake; each document's text is parsed once. */
export async function placeMistakes(mistakes: readonly Mistake[]): Promise<Problem[]> {
  const byDocument = new Map<Document, Mistake[]>();
  for (const mistake of mistakes) {
    byDocument.set(mistake.document, [...(byDocument.get(mistake.document) ?? []), mistake]);
  }
  const problems = await Promise.all(
    [...byDocument].map(async ([document, own]) => {
      const locate = await createLocator(document);
      const file = displayPath(document.file);
      return own.map((mistake): Problem => {
        const { code, message, hint, place } = mistake;
        return {
          code,
          message,
          place:
            place === undefined ? { file, ...locate(mistake) } : { ...place, file: displayPath(place.file) },
          ...(hint === undefined ? {} : { hint }),
        };
      });
    }),
  );
  return problems.flat();
}

export function describeUnreadable({ code, message, place, hint }: Unreadable): Problem {
  return {
    code,
    message,
    place: { ...place, file: displayPath(place.file) },
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Sorted by file name and position. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort((a, b) => {
    const [left, right] = [a.place, b.place];
    return (
      compare(left?.file ?? '', right?.file ?? '') ||
      (left?.line ?? 0) - (right?.line ?? 0) ||
      (left?.column ?? 0) - (right?.column ?? 0) ||
      compare(a.message, b.message)
    );
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** A path below the current directory as a relative path; any other path unchanged. */
function displayPath(file: string): string {
  const relative = path.relative(process.cwd(), file);
  return relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
}
