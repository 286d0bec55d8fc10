import { z } from 'zod';
import * as field from './fields.ts';
import { embedded, statement, support, supportEnd, wheelLicense } from './written-facts.ts';
import { serviceSchema } from './written-service.ts';

/*
 * The written form of recipes: TOML with kebab-case keys, and defaults for optional keys. The descriptions appear in
 * the JSON Schemas for editors, and in messages about missing keys.
 */

const archive = z.strictObject({
  sha256: field.digest.describe("SHA-256 of the archive's bytes"),
  urls: z.array(field.archiveUrl).min(1).describe('places to fetch the archive from, tried in order'),
  file: field.fileName
    .optional()
    .describe('file name it is stored under in mirror directories; default: the end of the first URL'),
});

/** A source; `strip` is the default number of leading path components that unpacking removes. */
function source(strip: number) {
  return z.strictObject({
    into: field.innerPath
      .default('.')
      .describe('directory to unpack it to, relative to the source directory'),
    strip: z
      .int()
      .min(0)
      .max(9)
      .default(strip)
      .describe('number of leading path components to remove when unpacking'),
    archive: z.array(archive).min(1).describe('archives of this source; any one of them is sufficient'),
  });
}

const step = z.strictObject({
  name: field.kebabName.describe('name shown while it runs and when it fails'),
  run: z.array(z.string()).min(1).optional().describe('program and arguments; may contain ${…} variables'),
  script: z
    .string()
    .min(1)
    .optional()
    .describe('POSIX shell script, run with set -eu; may contain ${…} variables'),
  directory: field.innerPath.default('.').describe('working directory, relative to the source directory'),
  environment: field.environment
    .default({})
    .describe('environment of this step, on top of [build] environment'),
});

const patch = z.strictObject({
  file: field.innerPath.describe('patch file beside the recipe, applied with strip 1'),
  reason: field.sentence.describe('why it is needed'),
  into: field.innerPath.default('.').describe('directory to apply it in, relative to the source directory'),
});

const pluginHost = z.strictObject({
  program: field.innerPath.describe('release path of the program'),
  plugins: z
    .array(field.glob)
    .min(1)
    .describe('globs of the release paths of plug-ins that it loads with dlopen'),
  preloaded: z
    .array(field.innerPath)
    .default([])
    .describe('release paths of plug-ins that are loaded before, with their symbols visible to all'),
  shared: z.boolean().default(false).describe("whether plug-ins see each other's symbols (RTLD_GLOBAL)"),
});

const exception = z.strictObject({
  rule: field.kebabName.describe('name of the audit rule'),
  paths: z.array(field.glob).min(1).describe('globs of release paths that it applies to'),
  subject: z.string().min(1).optional().describe('only findings with exactly this subject'),
  reason: field.sentence.describe('cause of the finding'),
  override: field.sentence.describe('why it is harmless at run time'),
});

const architecture = z.strictObject({
  environment: field.environment.default({}).describe('environment added to [build] environment'),
  variables: z.record(field.kebabName, z.string()).default({}).describe('values usable as ${name} in steps'),
});

const cross = z.strictObject({
  environment: field.environment
    .default({})
    .describe(
      'environment added to that of [build] and [architecture], such as results of tests that cannot run',
    ),
  tools: z
    .array(field.recipeName)
    .default([])
    .describe('components that are built for the build machine, too; steps find their programs in PATH'),
  unsupported: field.sentence.optional().describe('why it cannot be built on another architecture'),
});

const identity = {
  name: field.recipeName.describe('name, the same as that of its directory'),
  version: field.version.describe('upstream version'),
  license: field.license.describe('SPDX licence expression'),
  summary: field.sentence.describe('what it is, in one line'),
  homepage: field.url.optional().describe('home page of the project'),
};

export const componentSchema = z
  .strictObject({
    kind: z.literal('component').default('component').describe('kind of recipe'),
    ...identity,
    cpe: field.cpe.optional().describe('CPE 2.3 name without version, if NVD has one'),
    advisories: z
      .strictObject({
        repository: field.url.describe('its Git repository, with the URL that OSV uses'),
        tag: field.tag.describe('tag of this version'),
      })
      .optional()
      .describe('how to find its OSV records'),
    source: z
      .union([source(1), z.array(source(1))])
      .default([])
      .describe('upstream source: one table, or one per source'),
    files: z
      .array(field.innerPath)
      .default([])
      .describe('files and directories beside the recipe that steps can use as ${recipe}/…'),
    distributions: z
      .array(field.distribution)
      .default([])
      .describe('Python distributions that it installs instead of wheels'),
    build: z
      .strictObject({
        inputs: z
          .array(field.recipeName)
          .default([])
          .describe('components whose installed files the build can use'),
        licenses: z.array(field.glob).min(1).describe('globs of the licence texts in the source directory'),
        environment: field.environment.default({}).describe('environment of all steps'),
        weight: z
          .number()
          .nonnegative()
          .default(30)
          .describe('approximate build time on one processor, in seconds; orders and estimates first builds'),
        step: z.array(step).min(1).describe('steps, run in order'),
      })
      .describe('how it is built'),
    patch: z.array(patch).default([]).describe('patches, applied in order before the first step'),
    install: z
      .strictObject({
        ship: z.array(field.glob).default([]).describe('globs of installed files that ship'),
        drop: z.array(field.glob).default([]).describe('globs of files in ship that do not ship'),
        expect: z
          .array(field.glob)
          .default([])
          .describe('globs that must each match an installed path after the build'),
      })
      .prefault({})
      .describe('the files that ship'),
    'plugin-host': z
      .array(pluginHost)
      .default([])
      .describe('plug-ins that its programs load at run time, for the audit'),
    exception: z.array(exception).default([]).describe('audit findings that are known and harmless'),
    embeds: z
      .array(z.strictObject(embedded))
      .default([])
      .describe('third-party code in its sources or linked into it that is not a component'),
    vex: z
      .array(z.strictObject(statement))
      .default([])
      .describe('statements about published vulnerabilities of this version'),
    architecture: z
      .strictObject({ x86_64: architecture.optional(), aarch64: architecture.optional() })
      .default({})
      .describe('settings that depend on the target architecture'),
    cross: cross.prefault({}).describe('settings for a build on a machine of another architecture'),
  })
  .describe('A ksbundle component: one piece of software built from source');

const prebuilt = {
  ...identity,
  source: z
    .strictObject({ x86_64: source(0).optional(), aarch64: source(0).optional() })
    .describe('sources by architecture of the build machine'),
  files: z
    .array(field.innerPath)
    .default([])
    .describe('files and directories beside the recipe that belong to it'),
};

export const toolchainSchema = z
  .strictObject({ kind: z.literal('toolchain').describe('kind of recipe'), ...prebuilt })
  .describe('The ksbundle toolchain: the compiler that builds every component');

export const toolSchema = z
  .strictObject({ kind: z.literal('tool').describe('kind of recipe'), ...prebuilt })
  .describe('A ksbundle tool: a program for the build machine');

const upgradeFrom = field.version
  .optional()
  .describe('lowest version whose instances a release can upgrade; default: its own');

const earlier = z.strictObject({
  name: field.recipeName.describe('name of its bundle, such as "hello-1"'),
  version: field.version.describe('its version'),
  revision: z.int().min(1).default(1).describe('counts releases of the same version'),
  'upgrade-from': upgradeFrom,
  requirements: z.array(field.requirement).min(1).describe('its PEP 508 requirements'),
  constraints: field.innerPath
    .optional()
    .describe("its pip constraints file beside the recipe; default: the bundle's"),
  'support-end': supportEnd,
});

export const bundleSchema = z
  .strictObject({
    kind: z.literal('bundle').default('bundle').describe('kind of recipe'),
    extends: field.recipeName
      .optional()
      .describe('bundle that this one adds components and services to, and whose other keys it inherits'),
    ...identity,
    revision: z.int().min(1).default(1).describe('counts releases of the same version'),
    'upgrade-from': upgradeFrom,
    components: z.array(field.recipeName).min(1).describe('components; their inputs ship too'),
    services: z
      .array(field.kebabName)
      .min(1)
      .describe('services that an instance runs, each a directory below init/services/'),
    python: z
      .strictObject({
        interpreter: field.recipeName.describe('component that is the interpreter'),
        constraints: field.innerPath
          .optional()
          .describe('pip constraints file beside the recipe; default: none'),
        requirements: z.array(field.requirement).default([]).describe('PEP 508 requirements'),
        override: z
          .array(
            z.strictObject({
              distribution: field.distribution.describe('distribution whose constraint is replaced'),
              version: field.version.describe('version that ships instead'),
              reason: field.sentence.describe('why it differs from the constraints'),
              test: field.sentence.describe('test that was run with that version'),
              date: field.date.describe('date of that test, such as 2026-11-29'),
            }),
          )
          .default([])
          .describe('versions that differ from the constraints'),
        exclude: z
          .array(
            z.strictObject({
              distribution: field.distribution.describe('distribution that does not ship'),
              reason: field.sentence.describe('why it is not needed'),
            }),
          )
          .default([])
          .describe('distributions that others require but that do not ship'),
        license: z
          .array(z.strictObject(wheelLicense))
          .default([])
          .describe('licences of wheels, where neither metadata nor licence texts state them'),
        launcher: z
          .array(
            z.strictObject({
              name: field.programName.describe('program in bin/'),
              'entry-point': field.entryPoint.describe('module:function that it runs'),
            }),
          )
          .default([])
          .describe('programs that run a Python entry point'),
        precompile: z
          .array(field.moduleName)
          .default([])
          .describe(
            'modules (package.* for a package with all below it) that ship as byte code too, with everything they import',
          ),
      })
      .optional()
      .describe('the Python part; without it, only the parts of Python that the installer needs ship'),
    support,
    drop: z.array(field.glob).default([]).describe('globs of release paths that do not ship'),
    exception: z.array(exception).default([]).describe('audit findings that are known and harmless'),
    embeds: z
      .array(
        z.strictObject({
          carrier: field.distribution.describe('distribution whose wheel contains it'),
          'carrier-version': field.version.describe('version of the distribution that this applies to'),
          ...embedded,
        }),
      )
      .default([])
      .describe('third-party code in wheels without their own bill of materials'),
    vex: z
      .array(
        z.strictObject({
          part: field.recipeName.describe('component or distribution that the statement is about'),
          embedded: field.embeddedName
            .optional()
            .describe('embedded package that the statement is about, such as "openssl" or "cargo:asn1"'),
          ...statement,
        }),
      )
      .default([])
      .describe('statements about published vulnerabilities in the bundle'),
    earlier: z.array(earlier).default([]).describe('earlier versions that can be built too'),
  })
  .describe('A ksbundle bundle: components, Python distributions and an installer that ship as one tarball');

export type WrittenComponent = z.output<typeof componentSchema>;
export type WrittenToolchain = z.output<typeof toolchainSchema>;
export type WrittenTool = z.output<typeof toolSchema>;
export type WrittenBundle = z.output<typeof bundleSchema>;
export type WrittenSource = z.output<ReturnType<typeof source>>;
export type WrittenException = WrittenBundle['exception'][number];
export type WrittenStatement = WrittenComponent['vex'][number];

export const schemas = {
  component: componentSchema,
  toolchain: toolchainSchema,
  tool: toolSchema,
  bundle: bundleSchema,
  service: serviceSchema,
} as const;
export type RecipeKind = keyof typeof schemas;
