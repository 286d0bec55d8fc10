import { quoteForShell } from '../../domain/quote-for-shell.ts';
import type { RunCommand } from '../command.ts';
import { chooseBundle } from './bundle-choice.ts';
import { alignColumns } from './columns.ts';
import { sharedCachesOf } from './shared-caches.ts';

export const run: RunCommand = async (call) => {
  const shared = sharedCachesOf(call);
  const opened = await call.open();
  const bundle = await chooseBundle(opened, call.positionals[0]);
  const result = await opened.pipeline.tryBundle(opened.context, bundle, { shared });
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
