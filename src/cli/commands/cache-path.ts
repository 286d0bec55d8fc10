import type { RunCommand } from '../command.ts';

export const run: RunCommand = async ({ settings }) => ({
  data: { path: settings.cache },
  lines: [settings.cache],
});
