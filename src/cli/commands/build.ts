import type { RunCommand } from '../command.ts';
import { chooseBundle } from './bundle-choice.ts';

export const run: RunCommand = async ({ positionals, flags, open }) => {
  const opened = await open();
  const { pipeline, context } = opened;
  const bundle = await chooseBundle(opened, positionals[0]);
  if (flags['dry-run'] === true) {
    const plan = await pipeline.planBuild(context, bundle);
    return { data: { bundle, plan }, lines: plan };
  }
  const result = await pipeline.buildBundle(context, bundle);
  return { data: result, lines: [result.tarball] };
};
