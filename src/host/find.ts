import semver from 'semver';
import type { KsbundleError, Problem } from '../domain/errors.ts';
import { hostToolMissing } from '../domain/host-tool-missing.ts';
import { findProgram } from '../io/find-program.ts';
import { run, type RunResult } from '../io/process.ts';
import { installCommands, packageManagerOf, readOsRelease } from './package-manager.ts';
import { HOST_TOOLS, type HostTool } from './tools.ts';

/** A host tool as found on this machine. */
export interface FoundTool {
  readonly name: string;
  /** Absolute path. */
  readonly path: string;
  /** Absent for tools without a meaningful version, such as `true`. */
  readonly version?: string;
}

export interface FindOptions {
  /** All by default. */
  readonly tools?: readonly HostTool[];
  /** Directories to search, separated by colons; `PATH` by default. */
  readonly searchPath?: string;
  /** Text of the os-release file; the host's by default. */
  readonly osRelease?: string;
  /** Milliseconds that a tool has to answer; a minute by default. */
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

/**
 * Finds every tool, with its version, in the order of the registry. Throws one `KSB_HOST_TOOL_MISSING` (exit code 3) that names
 * all that are missing, too old or incomplete, why each is needed, and the command that installs them.
 */
export async function findHostTools(options: FindOptions = {}): Promise<readonly FoundTool[]> {
  const { tools = HOST_TOOLS, searchPath = process.env['PATH'] ?? '', signal } = options;
  const ask = asker(options.patience ?? 60_000, signal);
  const results = await Promise.all(tools.map((tool) => inspectTool(tool, searchPath, ask)));
  signal?.throwIfAborted();
  const unfit = tools.filter((_, index) => results[index]?.lack !== undefined);
  if (unfit.length === 0) return results.flatMap(({ found }) => (found === undefined ? [] : [found]));
  const problems = results.flatMap(({ lack }) => (lack === undefined ? [] : [lack]));
  throw missingTools(unfit, problems, options.osRelease ?? (await readOsRelease()));
}

/** The installed tools, in any version. */
export async function findThose(
  tools: readonly HostTool[],
  searchPath: string,
): Promise<readonly FoundTool[]> {
  const files = await Promise.all(tools.map(({ name }) => findProgram(name, searchPath)));
  return tools.flatMap(({ name }, index) => {
    const file = files[index];
    return file === undefined ? [] : [{ name, path: file }];
  });
}

interface Inspection {
  readonly found?: FoundTool;
  /** Why the tool is unsuitable. */
  readonly lack?: Problem;
}

/** Runs a program; undefined if it did not end in time. */
type Ask = (argv: readonly string[]) => Promise<RunResult | undefined>;

function asker(patience: number, signal: AbortSignal | undefined): Ask {
  return async (argv) => {
    const limit = AbortSignal.timeout(patience);
    const result = await run(argv, {
      environment: { LC_ALL: 'C' },
      extendEnvironment: true,
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    });
    return limit.aborted && result.exitCode === undefined ? undefined : result;
  };
}

async function inspectTool(tool: HostTool, searchPath: string, ask: Ask): Promise<Inspection> {
  const file = await findProgram(tool.name, searchPath);
  const lack = (code: string, what: string): Inspection => ({
    lack: { code, message: `${tool.name} ${what}; it is needed ${tool.why}` },
  });
  if (file === undefined) return lack('tool-missing', 'is not installed');
  const silent = lack('tool-silent', 'does not answer');
  let version: string | undefined;
  if (tool.version !== undefined) {
    const { parameters, pattern, minimum } = tool.version;
    const result = await ask([file, ...parameters]);
    if (result === undefined) return silent;
    version = pattern.exec(`${result.stdout}\n${result.stderr}`)?.[1];
    if (minimum !== undefined && (version === undefined || isOlder(version, minimum))) {
      return lack(
        'tool-too-old',
        `is ${version ?? 'of an unknown version'}, but ${minimum} or newer is required`,
      );
    }
  }
  if (tool.modules !== undefined) {
    const result = await ask([file, '-e', LOAD_MODULES, ...tool.modules]);
    if (result === undefined) return silent;
    const missing =
      result.exitCode === 0 ? result.stdout.split('\n').filter((line) => line !== '') : tool.modules;
    if (missing.length > 0) return lack('module-missing', `lacks the modules ${missing.join(', ')}`);
  }
  return { found: { name: tool.name, path: file, ...(version === undefined ? {} : { version }) } };
}

/** Perl that prints those of its arguments that are modules and do not load. */
const LOAD_MODULES = 'for (@ARGV) { print "$_\\n" unless eval "require $_; 1" }';

/** Whether `version` is older than `minimum`; compares up to three numbers. */
function isOlder(version: string, minimum: string): boolean {
  const [left, right] = [semver.coerce(version), semver.coerce(minimum)];
  return left === null || right === null || semver.lt(left, right);
}

function missingTools(
  tools: readonly HostTool[],
  problems: readonly Problem[],
  osRelease: string,
): KsbundleError {
  const commands = installCommands(tools, packageManagerOf(osRelease));
  const found = (code: string): boolean => problems.some((problem) => problem.code === code);
  const hints = [
    `install ${problems.length === 1 ? 'it' : 'them'} as root: ${commands.join('   or   ')}`,
    ...(found('tool-too-old')
      ? ['if that version is too old, install a newer one elsewhere and put its directory first in PATH']
      : []),
    ...(found('tool-silent')
      ? ['if it is installed and works, this machine is too busy: try again later']
      : []),
  ];
  return hostToolMissing({
    message:
      problems.length === 1
        ? 'a required program is missing on this machine'
        : `${problems.length} required programs are missing on this machine`,
    problems,
    hint: hints.join('; '),
  });
}
