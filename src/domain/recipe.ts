import type { Statement } from './advisories/vex.ts';
import type { Sha256 } from './digest.ts';
import type { Architecture } from './platform.ts';
import type { Answer, Service } from './service.ts';

/** One place where a file may be fetched. URLs name upstream projects and indexes, never a host's mirror. */
export type ArchiveUrl =
  | { readonly kind: 'https'; readonly href: string }
  /** A path below a Debian mirror's `pool/main/`, for example `z/zlib/zlib_1.3.orig.tar.gz`. */
  | { readonly kind: 'debian'; readonly path: string }
  /** A file that the Python index lists for a project. */
  | { readonly kind: 'python'; readonly project: string; readonly file: string };

/** One archive of a source: exact bytes, and where they may be fetched. */
export interface Archive {
  readonly sha256: Sha256;
  /** File name it is known by, also in mirror directories. */
  readonly file: string;
  readonly urls: readonly ArchiveUrl[];
}

/**
 * One release of upstream code. Its archives hold the same code in different bytes (upstream's own, Debian's
 * repacked one); any of them will do, and they are tried in order.
 */
export interface Source {
  /** Directory below the component's source directory it is unpacked to; `.` for the only one. */
  readonly into: string;
  /** Leading path components that are stripped when it is unpacked; an archive's own top directory is one. */
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
  /** Directory the step runs in, relative to the source directory. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** A patch file that ships beside the recipe; `path` is absolute, `sha256` is that of its bytes. */
export interface Patch {
  readonly path: string;
  readonly file: string;
  readonly sha256: Sha256;
  readonly reason: string;
  /** Source directory it is applied to, relative; `.` by default. */
  readonly into: string;
}

/** A finding that is known and harmless, because something overrides it at run time. */
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

/** Code of others in what a component is built of, or in a wheel, as a recipe declares it. */
export interface DeclaredEmbed {
  /** Package URLs with versions. */
  readonly packages: readonly string[];
  /** SPDX licence expression of each. */
  readonly license: string;
  /** CPE 2.3 name without version; of the one package. */
  readonly cpe?: string;
  readonly reason: string;
}

/** A program of the release and the libraries that it loads while it runs (with `dlopen`), for the audit. */
export interface PluginHost {
  /** Release path of the program. */
  readonly program: string;
  /** Globs of the release paths of its plug-ins. */
  readonly plugins: readonly string[];
  /** Release paths of plug-ins that are there before, with their symbols visible to all: mod_wsgi for Python's modules. */
  readonly preloaded: readonly string[];
  /** The plug-ins see each other's symbols (`RTLD_GLOBAL`), as httpd's modules do. */
  readonly shared: boolean;
}

/** A file or directory that ships beside the recipe and that its steps use as `${recipe}/<file>`. */
export interface RecipeFile {
  readonly file: string;
  readonly path: string;
  readonly sha256: Sha256;
}

/** One piece of software that is built from source, as resolved for one platform. */
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
  /** The Git repository it is developed in, as advisories name it, and the tag of its version there. */
  readonly repository?: { readonly url: string; readonly tag: string };
  readonly sources: readonly Source[];
  /** Names of components whose installed files the build sees. */
  readonly inputs: readonly string[];
  /** Seconds that the build takes on one processor, roughly. */
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
  /** Globs of installed files, out of `ship`, that do not. */
  readonly drop: readonly string[];
  /** Globs of installed paths, each of which must match something after the build, so that a part left out quietly is a failure. */
  readonly expect: readonly string[];
  readonly exceptions: readonly AuditException[];
  readonly embeds: readonly DeclaredEmbed[];
  /** Statements about published vulnerabilities of this version. */
  readonly statements: readonly Statement[];
  /** Plug-ins that its programs load. */
  readonly pluginHosts: readonly PluginHost[];
  /** Python distributions (normalised names) it installs, which the lock then does not resolve to wheels. */
  readonly distributions: readonly string[];
  /** Where it was read from. */
  readonly origin: RecipeOrigin;
}

/** A program for the machine that builds, unpacked from an archive that is pinned like any source. */
interface Prebuilt {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly summary: string;
  readonly homepage?: string;
  /** By architecture of the build machine; at least one. */
  readonly sources: Readonly<Partial<Record<Architecture, Source>>>;
  /** Files beside the recipe that belong to it, for example compiler wrappers. */
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

/** The file that something was read from. */
export interface RecipeOrigin {
  /** Absolute path. */
  readonly file: string;
  /** Digest of the file's bytes. */
  readonly sha256: Sha256;
}

/** A service with what only the builder knows of it. */
export interface ServiceRecipe {
  readonly service: Service;
  /** Absolute path of the directory that its files are in. */
  readonly directory: string;
  /** Its own, and those that its listeners stand for; some replace answers of the kit. */
  readonly answers: readonly Answer[];
  /** What a try shows of it: a word for it, and the command line for sh that prints it. */
  readonly tries: readonly { readonly name: string; readonly run: string }[];
  readonly origin: RecipeOrigin;
}

/** A pin that departs from the constraints, why, and how it was found to work. */
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
  /** Components that the bundle asks for. Their inputs are built too; each ships what its own `ship` says. */
  readonly components: readonly string[];
  readonly python: BundlePython;
  readonly support: Support;
  /** Those that it runs, each after the ones that it needs. */
  readonly services: readonly ServiceRecipe[];
  /** The answers that the operator may set: those of the services and of the kit. */
  readonly answers: readonly Answer[];
  /** Globs of release paths that do not ship. */
  readonly drop: readonly string[];
  readonly exceptions: readonly AuditException[];
  /** What is inside wheels, of the versions that it is known of. */
  readonly embeds: readonly (DeclaredEmbed & { readonly carrier: string; readonly carrierVersion: string })[];
  /** What is known of published vulnerabilities in its components and distributions, by name, or in something `embedded` there. */
  readonly statements: readonly (Statement & { readonly part: string; readonly embedded?: string })[];
  readonly origin: RecipeOrigin;
}

export interface BundlePython {
  /** Name of the component that is the interpreter. */
  readonly interpreter: string;
  /** PEP 508 requirements. */
  readonly requirements: readonly string[];
  /** Whether only the parts of the interpreter that the installer needs ship, because the bundle has no Python part. */
  readonly reduced: boolean;
  /** Absolute path of the constraints file, if there is one. */
  readonly constraints?: string;
  /** Of the file's bytes, or of none. */
  readonly constraintsSha256: Sha256;
  readonly overrides: readonly Override[];
  /** Distributions that are pulled in but not shipped, with the reason. */
  readonly excludes: readonly { readonly distribution: string; readonly reason: string }[];
  /** SPDX licence expressions of wheels whose own words do not tell. */
  readonly licenses: readonly {
    readonly distribution: string;
    readonly license: string;
    readonly reason: string;
  }[];
  readonly launchers: readonly Launcher[];
  /** Modules whose import closure ships as byte code. */
  readonly precompile: readonly string[];
}

/** Recipes and the services beside them: a project's, or below it those that came with ksbundle, the base. */
export interface Layer {
  readonly name: 'project' | 'base';
  /** Absolute path of the directory of recipes. */
  readonly recipes: string;
  /** Absolute path of the directory with the services and, in the lowest layer, the installer. */
  readonly init: string;
}

/** All recipes that count together, resolved for one platform and checked against each other. */
export interface RecipeSet {
  /** Where they come from, the upper one first; the installer is that of the last. */
  readonly layers: readonly Layer[];
  readonly components: ReadonlyMap<string, Component>;
  readonly bundles: ReadonlyMap<string, Bundle>;
  readonly services: ReadonlyMap<string, ServiceRecipe>;
  readonly toolchain: Toolchain;
  readonly tools: ReadonlyMap<string, Tool>;
}
