import { normalizeDistribution } from '../distribution.ts';
import type { Part } from '../manifest.ts';
import { productName, repositoryName, type Subject } from './advisory.ts';

/** What a bill of materials says of one thing in it. */
export interface BilledPart {
  readonly part: Part;
  readonly version: string;
  readonly purl: string;
  /** CPE 2.3 name, with or without version. */
  readonly cpe?: string;
  /** The repository it is developed in, and its version's tag there. */
  readonly repository?: { readonly url: string; readonly tag: string };
}

/** What advisories would call a part of a release. */
export function subjectOf({ part, version, purl, cpe, repository }: BilledPart): Subject {
  const distribution = /^pkg:pypi\/([^@?#]+)/u.exec(purl)?.[1];
  return {
    part,
    version,
    names: {
      ...(distribution === undefined
        ? {}
        : { PyPI: normalizeDistribution(decodeURIComponent(distribution)) }),
      ...(repository === undefined ? {} : { Git: repositoryName(repository.url) }),
      ...(cpe === undefined ? {} : { NVD: productName(cpe) }),
    },
    ...(repository === undefined ? {} : { tag: repository.tag }),
  };
}
