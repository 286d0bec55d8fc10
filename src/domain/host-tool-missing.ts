import { ExitCode, KsbundleError, type ErrorFacts } from './errors.ts';

/** The error for a program that the machine lacks. */
export function hostToolMissing(facts: Pick<ErrorFacts, 'message' | 'hint' | 'problems'>): KsbundleError {
  return new KsbundleError({ code: 'KSB_HOST_TOOL_MISSING', exitCode: ExitCode.hostTool, ...facts });
}
