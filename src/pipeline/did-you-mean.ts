import type { Problem } from '../domain/errors.ts';
import { nearest } from '../domain/nearest.ts';

/** A hint with the probably intended name, if one is similar. */
export function didYouMean(name: string, known: Iterable<string>): Pick<Problem, 'hint'> {
  const guess = nearest(name, [...known]);
  return guess === undefined ? {} : { hint: `did you mean "${guess}"?` };
}
