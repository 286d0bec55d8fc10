import { ExitCode } from '../../domain/errors.ts';
import type { DoctorResult, HostCheck } from '../../domain/host-check.ts';
import type { RunCommand } from '../command.ts';
import { sharedCachesOf } from './shared-caches.ts';

export const run: RunCommand = async (call) => {
  const { positionals, options, pipeline } = call;
  const result = await pipeline.examineHost(options, {
    bundle: positionals[0],
    shared: sharedCachesOf(call),
  });
  return {
    data: result,
    lines: [...result.checks.flatMap(describe), '', conclusion(result)],
    exitCode: result.ready ? ExitCode.done : ExitCode.hostTool,
  };
};

function describe({ state, message, why, details = [], hint }: HostCheck): string[] {
  const indent = ' '.repeat(9);
  return [
    `${state.padEnd(7)}  ${message}`,
    ...(why === undefined ? [] : [`${indent}why: ${why}`]),
    ...details.map((detail) => `${indent}| ${detail}`),
    ...(hint === undefined ? [] : [`${indent}do: ${hint}`]),
  ];
}

function conclusion({ ready, checks }: DoctorResult): string {
  const count = (wanted: HostCheck['state'], noun: string): string => {
    const { length } = checks.filter(({ state }) => state === wanted);
    return `${length} ${noun}${length === 1 ? '' : 's'}`;
  };
  const found = `${count('fault', 'fault')}, ${count('warning', 'warning')}`;
  return ready ? `A build can work on this host: ${found}.` : `A build cannot work on this host: ${found}.`;
}
