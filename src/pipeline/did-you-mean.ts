import type { Problem } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';

/** A hint at the name that was probably meant, if one is near. */
export function didYouMean(name: string, known: Iterable<string>): Pick<Problem, 'hint'> {
  const guess = nearest(name, [...known]);
  return guess === undefined ? {} : { hint: `did you mean "${guess}"?` };
}
