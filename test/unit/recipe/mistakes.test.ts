import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { formatPlace, KsbundleError, type Problem } from '../../../src/domain/errors.ts';
import { loadRecipes } from '../../../src/recipe/load.ts';
import { fixtureProject } from '../../support/projects.ts';

/* One directory of recipes for each mistake; `expected.txt` contains the expected message. */
const FIXTURES = path.join(import.meta.dirname, '../../fixtures/recipes');
const PLATFORM = { arch: 'x86_64', floor: { major: 2, minor: 17 } } as const;

const mistakes = readdirSync(FIXTURES).filter((name) => name !== 'sound');

describe('every mistake is reported with its place', () => {
  it.each(mistakes)('%s', async (mistake) => {
    const directory = path.join(FIXTURES, mistake);
    const error = await loadRecipes(fixtureProject(mistake), PLATFORM).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(KsbundleError);
    if (!(error instanceof KsbundleError)) return;
    const { code, exitCode, message, problems = [], hint } = error.facts;
    expect({ code, exitCode }).toEqual({ code: 'KSB_RECIPE_INVALID', exitCode: 2 });
    const shown = [
      message,
      ...problems.map(formatProblem),
      ...(hint === undefined ? [] : [`hint: ${hint}`]),
    ].join('\n');
    const prefix = path.relative(process.cwd(), directory);
    await expect(
      `${shown.replaceAll(`${prefix}/`, '').replaceAll(directory, '<recipes>')}\n`,
    ).toMatchFileSnapshot(path.join(directory, 'expected.txt'));
  });
});

function formatProblem({ code, message, place, hint }: Problem): string {
  const head = `${place === undefined ? '' : `${formatPlace(place)}: `}${code}\n    ${message}`;
  return hint === undefined ? head : `${head}\n    ${hint}`;
}
