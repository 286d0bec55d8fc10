import type { LockChange } from '../../domain/results.ts';
import type { RunCommand } from '../command.ts';
import { usageError } from '../usage-error.ts';
import { bundleNames, chooseBundle } from './bundle-choice.ts';
import { alignColumns } from './columns.ts';

export const run: RunCommand = async ({ positionals, flags, open }) => {
  const opened = await open();
  const { pipeline, context } = opened;
  const { upgrade } = flags;
  // A user may read `--upgrade flask` as "upgrade, bundle flask"; the parser reads it as --upgrade=flask.
  const upgradeIsBundle =
    positionals.length === 0 && upgrade !== undefined && (await bundleNames(opened)).includes(upgrade);
  const bundle = await chooseBundle(opened, upgradeIsBundle ? upgrade : positionals[0]);
  const result = await pipeline.lockBundle(context, bundle, {
    check: flags.check === true,
    dryRun: flags['dry-run'] === true,
    ...(upgrade === undefined
      ? {}
      : {
          upgrade: upgradeIsBundle || upgrade === '' ? [] : [upgrade],
          minAge: minimumAge(flags['min-age']),
        }),
  });
  const skipped = result.skipped.map(
    ({ name, version, uploaded, kept }) =>
      `skipped ${name} ${version}: uploaded on ${uploaded.slice(0, 10)}, it is younger than --min-age` +
      (kept === undefined ? '' : `; keeping the locked ${kept}`),
  );
  const changes =
    result.changes.length > 0
      ? alignColumns(result.changes.map(changeRow))
      : [
          result.rewritten
            ? describeRewrite(result.lockfile, flags['dry-run'])
            : `${result.lockfile} is up to date`,
        ];
  const { length } = result.uncompared;
  const uncompared =
    length === 0
      ? []
      : [
          `attestations not compared (${length} of the wheels): the Python index does not say which files have one (PEP 740)`,
        ];
  return { data: result, lines: [...changes, ...skipped, ...uncompared] };
};

/** Days. Most defects of a new version are found, and the version is withdrawn, within its first week. */
const DEFAULT_MIN_AGE = 7;

function minimumAge(days: string | undefined): number {
  if (days === undefined) return DEFAULT_MIN_AGE;
  if (!/^\d{1,4}$/u.test(days))
    throw usageError('KSB_BAD_VALUE', `--min-age is ${JSON.stringify(days)}`, 'use a whole number of days');
  return Number(days);
}

function describeRewrite(lockfile: string, isDry = false): string {
  return `${lockfile} ${isDry ? 'would be' : 'is'} rewritten: the versions are the same, but the recipes have changed`;
}

function changeRow({ kind, name, from = '', to = '' }: LockChange): string[] {
  return [kind, name, kind === 'changed' ? `${from} → ${to}` : `${from}${to}`];
}
