import path from 'node:path';
import { normalizeDistribution, requirementName } from '../domain/distribution.ts';
import { ExitCode, KsbundleError } from '../domain/errors.ts';
import { hostToolMissing } from '../domain/host-tool-missing.ts';
import { formatPlatform } from '../domain/platform.ts';
import { redactUrl } from '../domain/url.ts';
import type { RunResult } from '../io/process.ts';
import type { LockTarget } from './inputs.ts';

/** Facts for the explanation, in addition to uv's text. */
export interface FailureContext {
  readonly target: LockTarget;
  /** Full version of CPython. */
  readonly python: string;
  /** Text of the constraints file. */
  readonly constraints: string;
}

/** The error for a failed run of uv. */
export function uvError(failure: RunResult, context: FailureContext): KsbundleError {
  const { bundle } = context.target;
  const text = errorText(failure.stderr);
  const common = {
    exitCode: ExitCode.failed,
    place: { file: bundle.origin.file },
    details: text.split('\n'),
  };
  if (failure.failedToStart !== undefined) {
    return new KsbundleError({
      code: 'KSB_LOCK_UV',
      exitCode: ExitCode.failed,
      message: `uv could not be started: ${failure.failedToStart}`,
      hint: 'check that programs can run from the cache directory (no noexec mount)',
    });
  }
  if (text.includes('No solution found when resolving dependencies')) return conflict(text, context);
  if (text.includes('No interpreter found')) {
    return hostToolMissing({
      message: 'this host has no Python; uv needs any Python 3 to evaluate markers',
      hint: 'install python3 (apt install python3, dnf install python3, zypper install python3)',
    });
  }
  const [, unbuilt] = /[Ff]ailed to (?:download and )?build `([^`]+)`/.exec(text) ?? [];
  if (unbuilt !== undefined) {
    return new KsbundleError({
      ...common,
      code: 'KSB_LOCK_METADATA',
      message: `${unbuilt} must be built to find its requirements, and lock runs no builds`,
      hint: 'choose a version with static metadata (PEP 643) or a wheel',
    });
  }
  if (/Failed to fetch|error sending request|[Cc]ould not connect/.test(text)) {
    return new KsbundleError({
      ...common,
      code: 'KSB_LOCK_INDEX',
      message: 'the Python index could not be read',
      hint: 'check the network, the proxy variables and the index that pip or uv is configured for, then run lock again',
    });
  }
  return new KsbundleError({
    ...common,
    code: 'KSB_LOCK_UV',
    message: `uv failed to resolve ${bundle.name}`,
  });
}

/** uv's text from its first error, without warnings and passwords. */
function errorText(stderr: string): string {
  const start = stderr.search(/^error:/m);
  return redactUrl(start === -1 ? stderr : stderr.slice(start)).trim();
}

function conflict(text: string, context: FailureContext): KsbundleError {
  const { bundle, platform } = context.target;
  const reasons = explainConflict(text, context);
  const wheelless = /(\S+) has no usable wheels/.exec(dropMarkers(text))?.[1];
  const name = wheelless === undefined ? undefined : requirementName(wheelless);
  const recipe = `${path.basename(path.dirname(bundle.origin.file))}/${path.basename(bundle.origin.file)}`;
  return new KsbundleError({
    code: 'KSB_LOCK_CONFLICT',
    exitCode: ExitCode.failed,
    message: `the Python requirements of ${bundle.name} cannot be met together on ${formatPlatform(platform)}`,
    place: { file: bundle.origin.file },
    details: reasons.length === 0 ? withoutAddresses(text).split('\n') : reasons,
    hint:
      name === undefined
        ? `change the requirements in ${recipe}, or add a [[python.override]] with a reason for one of the pins named above`
        : `add a [[python.override]] for ${name} to ${recipe} with a version that has such a wheel, or a component that builds it`,
  });
}

/**
 * uv's explanation of a conflict as a list of facts, from the bundle's own requirements down to the one that cannot
 * be met, then the pins involved. Leaves out conclusions from the facts; keeps uv's words for a premise of unknown
 * form. Empty if uv's text has no explanation.
 */
function explainConflict(text: string, context: FailureContext): string[] {
  const plain = dropMarkers(withoutAddresses(text)).replaceAll(/\s+/g, ' ');
  const premises = [
    ...plain.matchAll(/(?:^|\s)(?:Because|And because) (.*?)(?:, we can conclude that|\. And because|$)/g),
  ]
    .flatMap(([, sentence = '']) => splitPremises(sentence))
    .map((premise) => wordPremise(premise, context));
  const facts = [...new Set(premises.toReversed())];
  const mentioned = new Set(
    [...plain.matchAll(/[A-Za-z0-9][A-Za-z0-9._-]*/g)].map(([word]) => normalizeDistribution(word)),
  );
  return facts.length === 0 ? [] : [...facts, ...pinsOf(mentioned, context)];
}

/** uv repeats environment markers in braces after a name. */
function dropMarkers(text: string): string {
  return text.replaceAll(/\{[^{}]*\}/g, '');
}

function withoutAddresses(text: string): string {
  return text.replaceAll(/`?https?:\/\/[^\s`)]+`?/g, 'the Python index');
}

const PREMISE_START =
  /\s+and (?=you require |only |all versions of |there (?:is|are) |\S+ (?:depends|depend|was|has|have|needs|requires|cannot|and \S+ are )|\S+(?:==|<|>|!=|~=)\S+(?:$|\s))/;

function splitPremises(sentence: string): string[] {
  return sentence.split(PREMISE_START).map((premise) => premise.trim());
}

function wordPremise(premise: string, { target, python }: FailureContext): string {
  const [, required] = /^you require (.+)$/.exec(premise) ?? [];
  if (required !== undefined) return `${target.bundle.name} (this bundle) requires ${required}`;
  const [, wheelless] = /^(\S+) has no usable wheels/.exec(premise) ?? [];
  if (wheelless !== undefined) {
    return `${wheelless} has no wheel for CPython ${python} on ${formatPlatform(target.platform)}`;
  }
  const [, unknown] = /^(\S+) was not found in (?:the package registry|the Python index)/.exec(premise) ?? [];
  if (unknown !== undefined) return `the Python index has no ${unknown}`;
  const [, requirer, dependency] = /^(.+?) depends? on (.+)$/.exec(premise) ?? [];
  if (requirer !== undefined && dependency !== undefined) {
    return `${requirer.replace(/^all versions of /, 'every version of ')} requires ${dependency}`;
  }
  const [, pinned] = /^([^\s=]+==[^\s]+)$/.exec(premise) ?? [];
  if (pinned !== undefined) return `the pins allow only ${pinned}`;
  return premise;
}

/** The constraints and overrides of the mentioned distributions, each with its place. */
function pinsOf(mentioned: ReadonlySet<string>, { target, constraints }: FailureContext): string[] {
  const { python } = target.bundle;
  const overrides = python.overrides.filter(({ distribution }) =>
    mentioned.has(normalizeDistribution(distribution)),
  );
  const overridden = new Set(overrides.map(({ distribution }) => normalizeDistribution(distribution)));
  const pinned = constraints.split('\n').flatMap((line, index) => {
    const name = requirementName(line);
    if (name === undefined || !mentioned.has(name) || overridden.has(name)) return [];
    return [`${path.basename(python.constraints ?? '')}:${index + 1} pins ${line.trim()}`];
  });
  return [
    ...pinned,
    ...overrides.map(
      ({ distribution, version, reason }) => `the recipe overrides ${distribution} to ${version}: ${reason}`,
    ),
  ];
}
