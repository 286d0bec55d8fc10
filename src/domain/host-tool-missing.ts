import { ExitCode, KsbundleError, type ErrorFacts } from './errors.ts';

/** What ends a run where the machine lacks a program. */
export function hostToolMissing(facts: Pick<ErrorFacts, 'message' | 'hint' | 'problems'>): KsbundleError {
  return new KsbundleError({ code: 'KSB_HOST_TOOL_MISSING', exitCode: ExitCode.hostTool, ...facts });
}
