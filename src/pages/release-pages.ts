import type { Service } from '../domain/service.ts';
import { shippedSections, START, withServicePages } from './contents.ts';
import { cutLinks, fileOf, formatPage, type Site } from './page.ts';

export interface ReleasePagesOptions {
  /** Name and version of the release, and what it is, in one line. */
  readonly release: string;
  readonly summary: string;
  readonly services: readonly Service[];
  /** Markdown by name of file: the pages of `shippedSections`, and those of the services. */
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * The pages that a release's operators read, as Markdown and as HTML, and a start page that lists them: content by name of
 * file. Links to other pages are text.
 */
export function formatReleasePages(options: ReleasePagesOptions): ReadonlyMap<string, string> {
  const { release, summary, services, texts } = options;
  const sections = withServicePages(shippedSections(services), texts);
  const start = { name: 'Start', pages: [{ source: START, title: release }] };
  const site: Site = { name: release, sections: [start, ...sections] };
  const all = [[START, startPage(release, summary, sections)] as const, ...texts];
  return new Map(
    all.flatMap(([source, text]) => {
      const cut = cutLinks(site, text);
      return [
        [source, cut],
        [fileOf(source), formatPage(site, source, cut)],
      ];
    }),
  );
}

const FIRST_STEP =
  '`init/bootstrap.sh` sets up an instance and starts it; `init/bootstrap.sh --help` lists all commands and options.';

function startPage(release: string, summary: string, sections: Site['sections']): string {
  const lists = sections.map(({ name, pages }) => {
    const items = pages.map(({ source, title }) => `- [${title}](${source})`);
    return `### ${name}\n\n${items.join('\n')}\n`;
  });
  // Nothing in it is markup.
  const plain = summary.replaceAll(/[\\`*_[\]<>&]/gu, String.raw`\$&`);
  return `# ${release}\n\n${plain}\n\n${FIRST_STEP}\n\n${lists.join('\n')}`;
}
