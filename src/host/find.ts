import semver from 'semver';
import type { KsbundleError, Problem } from '../domain/errors.ts';
import { hostToolMissing } from '../domain/host-tool-missing.ts';
import { findProgram } from '../io/find-program.ts';
import { run } from '../io/process.ts';
import { installCommands, packageManagerOf, readOsRelease } from './package-manager.ts';
import { HOST_TOOLS, type HostTool, type VersionProbe } from './tools.ts';

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
  readonly signal?: AbortSignal;
}

/** Time-out for a tool's version, in milliseconds. */
const PROBE_TIME = 10_000;

/**
 * Finds every tool, with its version, in the order of the registry. Throws one `KSB_HOST_TOOL_MISSING` (exit code 3) that names
 * all that are missing, too old or incomplete, why each is needed, and the command that installs them.
 */
export async function findHostTools(options: FindOptions = {}): Promise<readonly FoundTool[]> {
  const { tools = HOST_TOOLS, searchPath = process.env['PATH'] ?? '', signal } = options;
  const results = await Promise.all(tools.map((tool) => inspectTool(tool, { searchPath, signal })));
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

async function inspectTool(
  tool: HostTool,
  where: { readonly searchPath: string; readonly signal: AbortSignal | undefined },
): Promise<Inspection> {
  const file = await findProgram(tool.name, where.searchPath);
  const lack = (code: string, what: string): Inspection => ({
    lack: { code, message: `${tool.name} ${what}; it is needed ${tool.why}` },
  });
  if (file === undefined) return lack('tool-missing', 'is not installed');
  const version =
    tool.version === undefined ? undefined : await probeVersion(file, tool.version, where.signal);
  const minimum = tool.version?.minimum;
  if (minimum !== undefined && (version === undefined || isOlder(version, minimum))) {
    return lack(
      'tool-too-old',
      `is ${version ?? 'of an unknown version'}, but ${minimum} or newer is required`,
    );
  }
  const missing = tool.modules === undefined ? [] : await missingModules(file, tool.modules, where.signal);
  if (missing.length > 0) return lack('module-missing', `lacks the modules ${missing.join(', ')}`);
  return { found: { name: tool.name, path: file, ...(version === undefined ? {} : { version }) } };
}

const ENVIRONMENT = { LC_ALL: 'C' } as const;

async function probeVersion(
  file: string,
  probe: VersionProbe,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const result = await run([file, ...probe.parameters], {
    environment: ENVIRONMENT,
    extendEnvironment: true,
    timeout: PROBE_TIME,
    signal,
  });
  return probe.pattern.exec(`${result.stdout}\n${result.stderr}`)?.[1];
}

async function missingModules(
  perl: string,
  modules: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const script = 'for (@ARGV) { print "$_\\n" unless eval "require $_; 1" }';
  const result = await run([perl, '-e', script, ...modules], {
    environment: ENVIRONMENT,
    extendEnvironment: true,
    timeout: PROBE_TIME,
    signal,
  });
  return result.exitCode === 0 ? result.stdout.split('\n').filter((line) => line !== '') : [...modules];
}

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
  const elsewhere = problems.some(({ code }) => code === 'tool-too-old')
    ? '; if that version is too old, install a newer one elsewhere and put its directory first in PATH'
    : '';
  return hostToolMissing({
    message:
      problems.length === 1
        ? 'a required program is missing on this machine'
        : `${problems.length} required programs are missing on this machine`,
    problems,
    hint: `install ${problems.length === 1 ? 'it' : 'them'} as root: ${commands.join('   or   ')}${elsewhere}`,
  });
}
