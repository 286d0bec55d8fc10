import type { Statement } from './advisories/vex.ts';
import type { Sha256 } from './digest.ts';
import type { Architecture } from './platform.ts';
import type { Answer, Service } from './service.ts';

/** A place to fetch a file from. URLs name upstream projects and indexes, never a host's mirror. */
export type ArchiveUrl =
  | { readonly kind: 'https'; readonly href: string }
  /** A path below a Debian mirror's `pool/main/`, for example `z/zlib/zlib_1.3.orig.tar.gz`. */
  | { readonly kind: 'debian'; readonly path: string }
  /** A file that the Python index lists for a project. */
  | { readonly kind: 'python'; readonly project: string; readonly file: string };

/** One archive of a source: exact bytes, and places to fetch them from. */
export interface Archive {
  readonly sha256: Sha256;
  /** Its file name, also in mirror directories. */
  readonly file: string;
  readonly urls: readonly ArchiveUrl[];
}

/**
 * One release of upstream code. Its archives contain the same code in different bytes (upstream's, Debian's repacked
 * one); the first that can be fetched is used.
 */
export interface Source {
  /** Target below the component's source directory; `.` for the only one. */
  readonly into: string;
  /** Number of leading path components to strip; an archive's top directory is one. */
  readonly strip: number;
  readonly archives: readonly Archive[];
}

/** The command of a step: one program, or a POSIX shell script under `set -eu`. Both may contain `${…}` variables. */
export type StepCommand =
  | { readonly kind: 'argv'; readonly argv: readonly string[] }
  | { readonly kind: 'script'; readonly script: string };

export interface Step {
  readonly name: string;
  readonly command: StepCommand;
  /** Working directory, relative to the source directory. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** A patch file beside the recipe; `path` is absolute, `sha256` the digest of its bytes. */
export interface Patch {
  readonly path: string;
  readonly file: string;
  readonly sha256: Sha256;
  readonly reason: string;
  /** Source directory to patch, relative; `.` by default. */
  readonly into: string;
}

/** A known finding that is harmless, because something overrides it at run time. */
export interface AuditException {
  /** Name of the audit rule. */
  readonly rule: string;
  /** Globs of release paths. */
  readonly paths: readonly string[];
  /** Only findings whose subject matches this text exactly, if given (a symbol, a library). */
  readonly subject?: string;
  readonly reason: string;
  /** Why it is harmless at run time. */
  readonly override: string;
}

/** Code of others in a component or wheel, as a recipe declares it. */
export interface DeclaredEmbed {
  /** Package URLs with versions. */
  readonly packages: readonly string[];
  /** SPDX licence expression of each. */
  readonly license: string;
  /** CPE 2.3 name without version; of the one package. */
  readonly cpe?: string;
  readonly reason: string;
}

/** A program of the release and the libraries that it loads with `dlopen`, for the audit. */
export interface PluginHost {
  /** Release path of the program. */
  readonly program: string;
  /** Globs of the release paths of its plug-ins. */
  readonly plugins: readonly string[];
  /** Release paths of plug-ins that are loaded first, with global symbols: mod_wsgi for Python's modules. */
  readonly preloaded: readonly string[];
  /** The plug-ins see each other's symbols (`RTLD_GLOBAL`), as httpd's modules do. */
  readonly shared: boolean;
}

/** A file or directory beside the recipe, which steps use as `${recipe}/<file>`. */
export interface RecipeFile {
  readonly file: string;
  readonly path: string;
  readonly sha256: Sha256;
}

/** Software that is built from source, resolved for one platform. */
export interface Component {
  readonly kind: 'component';
  readonly name: string;
  readonly version: string;
  /** SPDX licence expression. */
  readonly license: string;
  readonly summary: string;
  readonly homepage?: string;
  /** CPE 2.3 name without version, for example `cpe:2.3:a:openssl:openssl`, if NVD has one. */
  readonly cpe?: string;
  /** Its Git repository, as advisories name it, and the tag of its version. */
  readonly repository?: { readonly url: string; readonly tag: string };
  readonly sources: readonly Source[];
  /** Components whose installed files the build sees. */
  readonly inputs: readonly string[];
  /** Components whose programs, built for the build machine, its steps can run in a cross build. */
  readonly tools: readonly string[];
  /** Why it cannot be cross-built; only set if it would have to be. */
  readonly unsupported?: string;
  /** Approximate seconds of the build on one processor. */
  readonly weight: number;
  readonly steps: readonly Step[];
  /** Environment of all its steps. */
  readonly environment: Readonly<Record<string, string>>;
  readonly patches: readonly Patch[];
  readonly files: readonly RecipeFile[];
  /** Globs, relative to the source directory, of the licence texts; at least one file must match. */
  readonly licenseFiles: readonly string[];
  /** Globs of installed files that ship. */
  readonly ship: readonly string[];
  /** Globs of exceptions from `ship`. */
  readonly drop: readonly string[];
  /** Globs that must each match an installed path, so that a silently omitted part fails the build. */
  readonly expect: readonly string[];
  readonly exceptions: readonly AuditException[];
  readonly embeds: readonly DeclaredEmbed[];
  /** Statements about published vulnerabilities of this version. */
  readonly statements: readonly Statement[];
  /** Plug-ins that its programs load. */
  readonly pluginHosts: readonly PluginHost[];
  /** Python distributions (normalised names) that it installs instead of wheels. */
  readonly distributions: readonly string[];
  /** Where it was read from. */
  readonly origin: RecipeOrigin;
}

/** A program for the build machine, unpacked from an archive pinned like any source. */
interface Prebuilt {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly summary: string;
  readonly homepage?: string;
  /** By the build machine's architecture; at least one. */
  readonly sources: Readonly<Partial<Record<Architecture, Source>>>;
  /** Its files beside the recipe, for example compiler wrappers. */
  readonly files: readonly RecipeFile[];
  /** Where it was read from. */
  readonly origin: RecipeOrigin;
}

/** The compiler that builds every component. */
export interface Toolchain extends Prebuilt {
  readonly kind: 'toolchain';
}

/** Any other pinned program, for example the resolver of wheels. */
export interface Tool extends Prebuilt {
  readonly kind: 'tool';
}

/** The file of a recipe. */
export interface RecipeOrigin {
  /** Absolute path. */
  readonly file: string;
  /** Digest of the file's bytes. */
  readonly sha256: Sha256;
}

/** A service with facts that only the builder needs. */
export interface ServiceRecipe {
  readonly service: Service;
  /** Absolute path of the directory with its files. */
  readonly directory: string;
  /** Its own and its listeners' answers; some replace answers of the kit. */
  readonly answers: readonly Answer[];
  /** Facts that a try shows: a label, and the command line for sh that prints it. */
  readonly tries: readonly { readonly name: string; readonly run: string }[];
  readonly generations: readonly Generation[];
  /** Absolute paths of Markdown files for its operators. */
  readonly pages: readonly string[];
  readonly origin: RecipeOrigin;
}

/** Files of a release that its own Python makes from the others when it is built. */
export interface Generation {
  /** The module that is run, with the directory to write them to as its argument. */
  readonly module: string;
  /** The distribution whose files they become. */
  readonly distribution: string;
  /** Globs of release paths that do not ship, of files that are there while it runs. */
  readonly uses: readonly string[];
}

/** A pin that differs from the constraints, with its reason and its test. */
export interface Override {
  readonly distribution: string;
  readonly version: string;
  readonly reason: string;
  /** The test that was run with that version. */
  readonly test: string;
  /** The day it was run, `YYYY-MM-DD`. */
  readonly date: string;
}

/** A program in `bin/` that runs a Python entry point with the release's own interpreter. */
export interface Launcher {
  readonly name: string;
  /** `package.module:function`. */
  readonly entryPoint: string;
}

/** Who is responsible for a bundle's releases and until when, if the recipe says so. */
export interface Support {
  readonly manufacturer?: string;
  /** Where vulnerabilities are reported: an https: or mailto: address. */
  readonly contact?: string;
  /** URL of the policy of coordinated disclosure. */
  readonly disclosurePolicy?: string;
  /** The intended purpose of releases. */
  readonly purpose?: string;
  /** Last day on which it gets security fixes, `2028-04-30`. */
  readonly end?: string;
}

/** Components, Python distributions and an installer that ship as one tarball. */
export interface Bundle {
  readonly kind: 'bundle';
  /** The name to build it by. */
  readonly name: string;
  /** The name of its releases: the recipe's name, which all of its versions share. */
  readonly family: string;
  /** The bundle that it adds to. */
  readonly extends?: string;
  readonly version: string;
  /** Counts releases of the same version; part of the tarball's name. */
  readonly revision: number;
  /** Lowest version whose instance a release of this one can take over. */
  readonly upgradeFrom: string;
  readonly license: string;
  readonly summary: string;
  readonly homepage?: string;
  /** Requested components. Their inputs are built, too; `ship` of each selects files. */
  readonly components: readonly string[];
  readonly python: BundlePython;
  readonly support: Support;
  /** The services that it runs, each after those that it needs. */
  readonly services: readonly ServiceRecipe[];
  /** The answers that the operator may set: those of the services and of the kit. */
  readonly answers: readonly Answer[];
  /** Globs of release paths that do not ship. */
  readonly drop: readonly string[];
  readonly exceptions: readonly AuditException[];
  /** Contents of wheels, for known versions. */
  readonly embeds: readonly (DeclaredEmbed & { readonly carrier: string; readonly carrierVersion: string })[];
  /**
   * Statements about published vulnerabilities in its components and distributions, by name, or in their `embedded`
   * parts.
   */
  readonly statements: readonly (Statement & { readonly part: string; readonly embedded?: string })[];
  readonly origin: RecipeOrigin;
}

export interface BundlePython {
  /** Name of the component that is the interpreter. */
  readonly interpreter: string;
  /** PEP 508 requirements. */
  readonly requirements: readonly string[];
  /** Whether the interpreter ships only as far as the installer needs it. */
  readonly reduced: boolean;
  /** Absolute path of the constraints file, if there is one. */
  readonly constraints?: string;
  /** Digest of the file, or of no bytes. */
  readonly constraintsSha256: Sha256;
  readonly overrides: readonly Override[];
  /** Required distributions that do not ship, with the reason. */
  readonly excludes: readonly { readonly distribution: string; readonly reason: string }[];
  /** SPDX licence expressions of wheels with unclear statements. */
  readonly licenses: readonly {
    readonly distribution: string;
    readonly license: string;
    readonly reason: string;
  }[];
  readonly launchers: readonly Launcher[];
  /** Modules whose import closure ships as byte code. */
  readonly precompile: readonly string[];
}

/** Recipes and services of a project or, below it, of ksbundle itself, the base. */
export interface Layer {
  readonly name: 'project' | 'base';
  /** Absolute path of the directory of recipes. */
  readonly recipes: string;
  /** Absolute path of the directory with the services and, in the lowest layer, the installer. */
  readonly init: string;
}

/** All recipes in use, resolved for one platform and checked against each other. */
export interface RecipeSet {
  /** Their origins, the upper one first; the last has the installer. */
  readonly layers: readonly Layer[];
  readonly components: ReadonlyMap<string, Component>;
  /** The same for the build machine's architecture, for tools of a cross build; the same map if nothing is cross-built. */
  readonly native: ReadonlyMap<string, Component>;
  readonly bundles: ReadonlyMap<string, Bundle>;
  readonly services: ReadonlyMap<string, ServiceRecipe>;
  readonly toolchain: Toolchain;
  readonly tools: ReadonlyMap<string, Tool>;
}
