import type { Part } from '../manifest.ts';
import { parsePurl } from '../purl.ts';
import { packageName, productName, repositoryName, type RegistryFeed, type NamedPart } from './advisory.ts';

/** The facts of one part in a bill of materials. */
export interface BilledPart {
  readonly part: Part;
  readonly version: string;
  readonly purl: string;
  /** CPE 2.3 name, with or without version. */
  readonly cpe?: string;
  /** Its source repository, and the tag of its version. */
  readonly repository?: { readonly url: string; readonly tag: string };
}

/** The names of a part in advisories. */
export function namedPartOf({ part, version, purl, cpe, repository }: BilledPart): NamedPart {
  const named = registryName(purl);
  return {
    part,
    version,
    names: {
      ...(named === undefined ? {} : { [named.feed]: named.name }),
      ...(repository === undefined ? {} : { Git: repositoryName(repository.url) }),
      ...(cpe === undefined ? {} : { NVD: productName(cpe) }),
    },
    ...(repository === undefined ? {} : { tag: repository.tag }),
  };
}

const FEED_OF_TYPE: Readonly<Record<string, RegistryFeed>> = {
  pypi: 'PyPI',
  cargo: 'crates.io',
  golang: 'Go',
};

function registryName(purl: string): { readonly feed: RegistryFeed; readonly name: string } | undefined {
  const parsed = parsePurl(purl);
  const feed = FEED_OF_TYPE[parsed?.type ?? ''];
  return parsed === undefined || feed === undefined
    ? undefined
    : { feed, name: packageName(feed, parsed.name) };
}
