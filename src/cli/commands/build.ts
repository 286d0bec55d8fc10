import type { RunCommand } from '../command.ts';
import { chooseBundle } from './bundle-choice.ts';
import { pathOption, pathsOption } from './path-option.ts';
import { sharedCachesOf } from './shared-caches.ts';

export const run: RunCommand = async (call) => {
  const { positionals, flags, open } = call;
  const shared = sharedCachesOf(call);
  const opened = await open();
  const { pipeline, context } = opened;
  const bundle = await chooseBundle(opened, positionals[0]);
  if (flags['dry-run'] === true) {
    const plan = await pipeline.planBuild(context, bundle, { shared });
    return { data: { bundle, plan }, lines: plan };
  }
  const result = await pipeline.buildBundle(context, bundle, {
    sign: { files: pathsOption(call, 'sign'), passphraseFile: pathOption(call, 'passphrase-file') },
    shared,
    withSources: flags['with-sources'] === true,
  });
  const { tarball, escrow } = result;
  return { data: result, lines: [tarball, ...(escrow === undefined ? [] : [escrow])] };
};
