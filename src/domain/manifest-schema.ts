import { z } from 'zod';
import { VEX_JUSTIFICATIONS, VEX_STATUSES } from './advisories/vex.ts';
import { digestSchema } from './digest-schema.ts';
import { isInnerLink, isInnerPath } from './inner-path.ts';

/*
 * The one statement of what `manifest.json` holds: `manifest.ts` takes its types from here. Apart from them, so that only who reads
 * a manifest loads zod.
 */

/**
 * The origin of a file of a release: `component:<name>`, `wheel:<name>`, or `bundle` for launchers, installer and
 * bill of materials.
 */
export type Part = `component:${string}` | `wheel:${string}` | 'bundle';

const part = z.custom<Part>(
  (value) => typeof value === 'string' && /^(?:component|wheel):.+$|^bundle$/u.test(value),
);

const innerPath = z.string().refine((path): boolean => isInnerPath(path));

/** A Git repository, as advisories name it, and the tag of a version there. */
const repository = z.object({ url: z.string(), tag: z.string() });

const file = z.strictObject({
  path: innerPath,
  part,
  /** Octal permission bits. */
  mode: z.enum(['644', '755']),
  /** Bytes. */
  size: z.int(),
  sha256: digestSchema,
  /** Of programs and libraries (ELF); absent in releases that were made before it was asked for. */
  sha512: z.string().exactOptional(),
});

const link = z
  .strictObject({
    path: innerPath,
    part,
    /** The target of the symbolic link, relative to its own directory. */
    target: z.string(),
  })
  .refine(({ path, target }) => isInnerLink(path, target));

const component = z.object({
  name: z.string(),
  version: z.string(),
  /** SPDX licence expression. */
  license: z.string(),
  cpe: z.string().exactOptional(),
  repository: repository.exactOptional(),
  /** Package URL: `pkg:pypi/…` for what the Python index has, else `pkg:generic/…`. */
  purl: z.string(),
  /** The parts that it was built with and needs, sorted. */
  requires: z.array(part),
  /** Digests of every archive that may be built from, in the recipe's order; all hold the same code. */
  sources: z.array(z.object({ file: z.string(), sha256: digestSchema })),
  /** Digest of the recipe file. */
  recipe: digestSchema,
});

const wheel = z.object({
  name: z.string(),
  version: z.string(),
  /** SPDX licence expression; in releases that were made before it was asked for, what the metadata says. */
  license: z.string(),
  file: z.string(),
  sha256: digestSchema,
  /** The distributions it needs on this platform, wheels or built, sorted. */
  requires: z.array(part),
});

/** Code of another project inside a component or wheel: what its publisher or its build linked in. */
const embedded = z.object({
  carrier: part,
  name: z.string(),
  version: z.string(),
  purl: z.string(),
  /** SPDX licence expression. */
  license: z.string().exactOptional(),
  /** CPE 2.3 name without version. */
  cpe: z.string().exactOptional(),
  repository: repository.exactOptional(),
  /** Who says so: a bill that came with the carrier (PEP 770), a recipe, or the build, which linked a component of the release. */
  source: z.enum(['bill', 'recipe', 'build']),
  /** How the recipe knows. */
  reason: z.string().exactOptional(),
});

/** Who answers for a release and how long; see `[support]` in docs/recipes.md. */
const support = z.object({
  manufacturer: z.string().exactOptional(),
  contact: z.string().exactOptional(),
  disclosurePolicy: z.string().exactOptional(),
  purpose: z.string().exactOptional(),
  end: z.string().exactOptional(),
});

/** A recipe's statement about one vulnerability in a part of the release. */
const vexStatement = z.object({
  part,
  vulnerability: z.string(),
  status: z.enum(VEX_STATUSES),
  justification: z.enum(VEX_JUSTIFICATIONS).exactOptional(),
  reason: z.string(),
});

export const manifestSchema = z.object({
  format: z.literal(1),
  bundle: z.string(),
  version: z.string(),
  revision: z.int(),
  license: z.string(),
  summary: z.string(),
  platform: z.string(),
  /** Newest glibc version that any file needs; absent if none needs any. */
  floor: z.string().exactOptional(),
  toolchain: z.object({ name: z.string(), version: z.string(), license: z.string() }),
  /** The parts that the bundle's recipe names; all others are required by these. Sorted. */
  requires: z.array(part),
  /** Sorted by name. */
  components: z.array(component),
  /** Sorted by name. */
  wheels: z.array(wheel),
  /** Sorted by carrier, package URL; absent if there are none, and in releases that were made before they were looked for. */
  embeds: z.array(embedded).exactOptional(),
  /** Absent if the recipe does not say. */
  support: support.exactOptional(),
  /** In the order of the recipes; absent if they state nothing. */
  vex: z.array(vexStatement).exactOptional(),
  /** Every file and link except `manifest.json` and `SHA256SUMS`, in byte order of the paths. */
  files: z.array(z.union([file, link])),
});
