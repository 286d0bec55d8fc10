import { quoteForShell } from '../../domain/quote-for-shell.ts';
import type { RunCommand } from '../command.ts';
import { chooseBundle } from './bundle-choice.ts';
import { alignColumns } from './columns.ts';

export const run: RunCommand = async ({ positionals, open }) => {
  const opened = await open();
  const result = await opened.pipeline.tryBundle(opened.context, await chooseBundle(opened, positionals[0]));
  return {
    data: result,
    lines: alignColumns([
      ...result.urls.slice(0, 1).map((url) => ['url', url]),
      ...result.shown.map(({ name, text }) => [name, text]),
      ['stop', result.stop.map(quoteForShell).join(' ')],
      ['remove', `${result.remove.map(quoteForShell).join(' ')} # once it is stopped`],
    ]),
  };
};
