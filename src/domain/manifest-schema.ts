import { z } from 'zod';
import { VEX_JUSTIFICATIONS, VEX_STATUSES } from './advisories/vex.ts';
import { digestSchema } from './digest-schema.ts';
import { isInnerLink, isInnerPath } from './inner-path.ts';

/*
 * The schema of `manifest.json`, from which `manifest.ts` derives its types. Separate, so that only readers of
 * manifests load zod.
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

/** A Git repository, as advisories name it, and a version's tag. */
const repository = z.object({ url: z.string(), tag: z.string() });

const file = z.strictObject({
  path: innerPath,
  part,
  /** Octal permission bits. */
  mode: z.enum(['644', '755']),
  /** Bytes. */
  size: z.int(),
  sha256: digestSchema,
  /** Of programs and libraries (ELF); absent in older releases. */
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
  /** Package URL: `pkg:pypi/…` for packages of the Python index, else `pkg:generic/…`. */
  purl: z.string(),
  /** The parts that it was built with or needs, sorted. */
  requires: z.array(part),
  /** Digests of all alternative source archives, in the recipe's order; all contain the same code. */
  sources: z.array(z.object({ file: z.string(), sha256: digestSchema })),
  /** Digest of the recipe file. */
  recipe: digestSchema,
});

const wheel = z.object({
  name: z.string(),
  version: z.string(),
  /** SPDX licence expression; in older releases, the metadata's statement. */
  license: z.string(),
  file: z.string(),
  sha256: digestSchema,
  /** The distributions that it needs on this platform, sorted. */
  requires: z.array(part),
});

/** Code of another project inside a component or wheel, linked in by its publisher or its build. */
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
  /** The source: the carrier's own bill (PEP 770), a recipe, or the build, which linked a component of the release. */
  source: z.enum(['bill', 'recipe', 'build']),
  /** The recipe's evidence. */
  reason: z.string().exactOptional(),
});

/** Who supports a release, and until when; see `[support]` in docs/recipes.md. */
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
  /** Sorted by carrier, package URL; absent if there are none, and in older releases. */
  embeds: z.array(embedded).exactOptional(),
  /** Absent if not in the recipe. */
  support: support.exactOptional(),
  /** In the order of the recipes; absent without statements. */
  vex: z.array(vexStatement).exactOptional(),
  /** Every file and link except `manifest.json` and `SHA256SUMS`, in byte order of the paths. */
  files: z.array(z.union([file, link])),
});
