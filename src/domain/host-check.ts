import { formatPlace, type KsbundleError } from './errors.ts';

/** What a check of the host found. With a `fault`, a build cannot work; with a `warning`, it works less well. */
export interface Verdict {
  readonly state: 'ok' | 'warning' | 'fault';
  /** One sentence that names the affected thing. */
  readonly message: string;
  /** Why, or what it means for a build. */
  readonly why?: string;
  readonly details?: readonly string[];
  /** What to do next, preferably a command. */
  readonly hint?: string;
}

export interface HostCheck extends Verdict {
  /** Stable name of the check, for example `tools`. */
  readonly check: string;
}

/** What `ksbundle doctor` found. */
export interface DoctorResult {
  /** Whether a build can work on this host: nothing is a fault. */
  readonly ready: boolean;
  readonly checks: readonly HostCheck[];
}

/** The error that a build would end with, as a verdict. */
export function faultOf({ facts }: KsbundleError): Verdict {
  const { message, place, why, hint, problems = [], details = [] } = facts;
  const lines = problems.flatMap((problem) => [
    `${problem.place === undefined ? '' : `${formatPlace(problem.place)}: `}${problem.message}`,
    ...(problem.details ?? []),
    ...(problem.hint === undefined ? [] : [problem.hint]),
  ]);
  const at = place === undefined ? '' : `${formatPlace(place)}: `;
  return {
    state: 'fault',
    message: `${at}${message}`,
    ...(why === undefined ? {} : { why }),
    ...(lines.length + details.length === 0 ? {} : { details: [...lines, ...details] }),
    ...(hint === undefined ? {} : { hint }),
  };
}
