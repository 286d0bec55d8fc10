import type { Service } from '../domain/service.ts';

/** A page of docs/. */
export interface Page {
  /** The name of its file. */
  readonly source: string;
  readonly title: string;
  /** Whether operators of these services read it, so that it ships in a release with them; false without this. */
  readonly shipsFor?: (services: readonly Service[]) => boolean;
}

export interface Section {
  readonly name: string;
  readonly pages: readonly Page[];
}

const always = (): boolean => true;

/** The start page. */
export const START = 'README.md';

const HOW_TO = 'How to';

/** The pages that are about no single service, by section, in the order of the navigation. */
export const SECTIONS: readonly Section[] = [
  { name: 'Start', pages: [{ source: START, title: 'Start' }] },
  { name: 'Tutorial', pages: [{ source: 'tutorial.md', title: 'Your own software' }] },
  {
    name: HOW_TO,
    pages: [
      { source: 'how-to.md', title: 'Run a service', shipsFor: always },
      { source: 'air-gap.md', title: 'Cross the gap: a checklist', shipsFor: always },
      { source: 'troubleshooting.md', title: 'Troubleshoot', shipsFor: always },
      { source: 'containers.md', title: 'Containers' },
      { source: 'ansible.md', title: 'Many hosts' },
      { source: 'build-cache.md', title: 'Share a build cache' },
      { source: 'verification.md', title: 'Verify a release', shipsFor: always },
    ],
  },
  {
    name: 'Reference',
    pages: [
      { source: 'bootstrap.md', title: 'init/bootstrap.sh', shipsFor: always },
      { source: 'cli.md', title: 'The command line' },
      { source: 'errors.md', title: 'Errors by code' },
      { source: 'recipes.md', title: 'Recipes' },
      { source: 'services.md', title: 'Services' },
      { source: 'fetching.md', title: 'Fetching' },
      { source: 'audit.md', title: 'Audit' },
      { source: 'platforms.md', title: 'Platforms' },
      { source: 'delta.md', title: 'Deltas' },
      {
        source: 'serving.md',
        title: 'Serving',
        shipsFor: (services) => services.some(({ wsgi }) => wsgi !== undefined),
      },
      { source: 'sources.md', title: 'Sources' },
    ],
  },
  {
    name: 'Explanation',
    pages: [
      { source: 'architecture.md', title: 'Architecture' },
      { source: 'security.md', title: 'Security and trust', shipsFor: always },
      { source: 'reproducibility.md', title: 'Reproducibility' },
      { source: 'measurements.md', title: 'Measurements' },
    ],
  },
];

/** The sections of these pages that ship in a release with these services. */
export function shippedSections(services: readonly Service[]): readonly Section[] {
  return SECTIONS.map(({ name, pages }) => ({
    name,
    pages: pages.filter(({ shipsFor }) => shipsFor?.(services)),
  })).filter(({ pages }) => pages.length > 0);
}

/**
 * The sections with one for the pages that are in none of `SECTIONS`, which are those of services, after the instructions
 * for all of them. `texts` is Markdown by name of file.
 */
export function withServicePages(
  sections: readonly Section[],
  texts: ReadonlyMap<string, string>,
): readonly Section[] {
  const general = new Set(SECTIONS.flatMap(({ pages }) => pages.map(({ source }) => source)));
  const pages = [...texts]
    .filter(([source]) => !general.has(source))
    .map(([source, text]) => ({ source, title: titleIn(text, source) }));
  if (pages.length === 0) return sections;
  const after = sections.findIndex(({ name }) => name === HOW_TO) + 1;
  return [...sections.slice(0, after), { name: 'Services', pages }, ...sections.slice(after)];
}

/** The title in the first heading of a page. */
export function titleIn(markdown: string, source: string): string {
  return (/^# (.*)$/mu.exec(markdown)?.[1] ?? source).replaceAll('`', '');
}
