import type { RunCommand } from '../command.ts';
import { alignColumns } from './columns.ts';

export const run: RunCommand = async ({ open }) => {
  const { pipeline, context } = await open();
  const recipes = await pipeline.listRecipes(context);
  return {
    data: { recipes },
    lines: alignColumns(
      recipes.map(({ kind, name, version = '', layer, replaces = false, summary }) => [
        kind,
        name,
        version,
        replaces ? `${layer}, replaces base` : layer,
        summary,
      ]),
    ),
  };
};
