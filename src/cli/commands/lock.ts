import type { LockChange } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { bundleNames, chooseBundle } from './bundle-choice.ts';
import { alignColumns } from './columns.ts';

export const run: RunCommand = async ({ positionals, flags, open }) => {
  const opened = await open();
  const { pipeline, context } = opened;
  const { upgrade } = flags;
  // `--upgrade keystone` reads as "upgrade keystone" to a person, and as --upgrade=keystone to the parser.
  const upgradeIsBundle =
    positionals.length === 0 && upgrade !== undefined && (await bundleNames(opened)).includes(upgrade);
  const bundle = await chooseBundle(opened, upgradeIsBundle ? upgrade : positionals[0]);
  const result = await pipeline.lockBundle(context, bundle, {
    check: flags.check === true,
    dryRun: flags['dry-run'] === true,
    ...(upgrade === undefined ? {} : { upgrade: upgradeIsBundle || upgrade === '' ? [] : [upgrade] }),
  });
  return {
    data: result,
    lines:
      result.changes.length > 0
        ? alignColumns(result.changes.map(changeRow))
        : [
            result.rewritten
              ? describeRewrite(result.lockfile, flags['dry-run'])
              : `${result.lockfile} is up to date`,
          ],
  };
};

function describeRewrite(lockfile: string, isDry = false): string {
  return `${lockfile} ${isDry ? 'would be' : 'is'} written anew: the versions are the same, what the recipes say of them is not`;
}

function changeRow({ kind, name, from = '', to = '' }: LockChange): string[] {
  return [kind, name, kind === 'changed' ? `${from} → ${to}` : `${from}${to}`];
}
