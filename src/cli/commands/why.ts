import type { WhyResult } from '../../domain/results.ts';
import type { Call, CommandResult, RunCommand } from '../command.ts';
import { chooseBundle } from './bundle-choice.ts';
import { withInputFile } from './input-file.ts';

export const run: RunCommand = async (call) => {
  const [name = '', where] = call.positionals;
  return describe(isFile(where) ? await whyInFile(call, name) : await whyInBundle(call, name));
};

/** Names of bundles have neither dots nor slashes. */
function isFile(where: string | undefined): boolean {
  return where !== undefined && (where === '-' || /[./]/u.test(where));
}

async function whyInFile(call: Call, name: string): Promise<WhyResult> {
  return withInputFile(call, (file) => call.pipeline.whyInFile(file, name), { position: 1 });
}

async function whyInBundle({ positionals, open }: Call, name: string): Promise<WhyResult> {
  const opened = await open();
  return opened.pipeline.whyName(opened.context, await chooseBundle(opened, positionals[1]), name);
}

function describe(result: WhyResult): CommandResult {
  return {
    data: result,
    lines: [
      `${result.kind} ${result.name} ${result.version}`,
      ...result.chains.map((chain) => `  ${chain.join(' → ')}`),
    ],
  };
}
