import { embeddedPart } from '../../domain/bill.ts';
import { asLicense } from '../../domain/license.ts';
import { cpeOfVersion } from '../../domain/cpe.ts';
import type { Sha256 } from '../../domain/digest.ts';
import {
  SBOM_FILE,
  type Embedded,
  type Manifest,
  type ManifestFile,
  type Part,
} from '../../domain/manifest.ts';
import { pythonPurl } from '../../domain/purl.ts';
import { hashBytes } from '../../io/files.ts';
import { formatManifest } from '../manifest.ts';
import { PUBLISHER_BILL } from './publisher.ts';

/** One entry of a bill of materials, independent of its format. */
export interface Item {
  readonly part: Part;
  readonly name: string;
  readonly version: string;
  /** SPDX licence expression. */
  readonly license: string;
  readonly purl: string;
  readonly cpe?: string;
  /** Its source repository, and the tag of its version. */
  readonly repository?: { readonly url: string; readonly tag: string };
  /** A program if it ships one, a library otherwise. */
  readonly kind: 'program' | 'library';
  /** It ships no file of its own: it is linked into the parts that require it. */
  readonly linkedIn: boolean;
  /** The archives that it was built from, or the wheel itself. */
  readonly archives: readonly { readonly file: string; readonly sha256: Sha256 }[];
  /** Digest of its recipe; a wheel has none. */
  readonly recipe?: Sha256;
  readonly requires: readonly Part[];
  /** Release paths of bills of materials that came with it (PEP 770), with their digests. */
  readonly bills: readonly ManifestFile[];
  readonly embedded: readonly EmbeddedItem[];
  /** Its programs and libraries. */
  readonly files: readonly ManifestFile[];
}

/** Something inside a component or wheel. */
export interface EmbeddedItem extends Omit<Embedded, 'carrier' | 'cpe'> {
  /** Its reference within this bill: the part and the version. */
  readonly ref: string;
  readonly part: Part;
  /** With the version. */
  readonly cpe?: string;
}

/** The contents of a bill of materials, independent of its format. */
export interface Inventory {
  readonly manifest: Manifest;
  /** Components, then wheels, each by name. */
  readonly items: readonly Item[];
  /**
   * Digest over all facts and files of the release except the bill itself: it is the same each time the bill is made.
   */
  readonly digest: Sha256;
}

/** Takes inventory of a release. The result does not depend on whether the manifest lists the shipped bill. */
export function takeInventory(manifest: Manifest): Inventory {
  const others = { ...manifest, files: manifest.files.filter(({ path }) => path !== SBOM_FILE) };
  const shipped = new Map<Part, 'program' | 'library'>();
  for (const { path, part } of others.files) {
    if (path.startsWith('licenses/')) continue;
    if (path.startsWith('bin/') || !shipped.has(part))
      shipped.set(part, path.startsWith('bin/') ? 'program' : 'library');
  }
  const bills = others.files
    .filter((file) => 'sha256' in file)
    .filter(({ path }) => PUBLISHER_BILL.test(path));
  const stock = (part: Part): Pick<Item, 'part' | 'kind' | 'linkedIn' | 'bills' | 'embedded' | 'files'> => ({
    part,
    files: others.files.flatMap((file) => ('sha512' in file && file.part === part ? [file] : [])),
    embedded: (manifest.embeds ?? []).filter(({ carrier }) => carrier === part).map(embeddedItem),
    bills: bills.filter((file) => file.part === part),
    kind: shipped.get(part) ?? 'library',
    linkedIn: !shipped.has(part),
  });
  return {
    manifest,
    items: [
      ...manifest.components.map(({ sources, cpe, ...component }) => ({
        ...component,
        ...stock(`component:${component.name}`),
        ...(cpe === undefined ? {} : { cpe: cpeOfVersion(cpe, component.version) }),
        archives: sources,
      })),
      ...manifest.wheels.map(({ file, sha256, ...wheel }) => ({
        ...wheel,
        license: asLicense(wheel.license),
        ...stock(`wheel:${wheel.name}`),
        purl: pythonPurl(wheel.name, wheel.version),
        archives: [{ file, sha256 }],
      })),
    ],
    digest: hashBytes(formatManifest(others)),
  };
}

function embeddedItem({ carrier, cpe, license, ...embed }: Embedded): EmbeddedItem {
  const part = embeddedPart({ carrier, ...embed });
  return {
    ref: `${part}@${embed.version}`,
    part,
    ...embed,
    ...(license === undefined ? {} : { license: asLicense(license) }),
    ...(cpe === undefined ? {} : { cpe: cpeOfVersion(cpe, embed.version) }),
  };
}

/** Every part that may have vulnerabilities, once: a component that is linked into another is listed only as itself. */
export function listParts({ items }: Inventory): readonly (Item | EmbeddedItem)[] {
  return items.flatMap((item) => [item, ...item.embedded.filter(({ source }) => source !== 'build')]);
}

/**
 * A UUID (RFC 9562, version 8: custom) that depends only on `digest`, as a URN.
 */
export function uuidOf(digest: Sha256): string {
  const variant = ((parseInt(digest.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  const groups = [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ];
  return `urn:uuid:${groups.join('-')}`;
}
