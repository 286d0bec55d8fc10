import type { Service } from '../domain/service.ts';
import { SECTIONS, START, titleIn, withServicePages } from './contents.ts';
import { cutLinks, fileOf, formatPage, type Site } from './page.ts';

export interface ReleasePagesOptions {
  /** Name and version of the release, and what it is, in one line. */
  readonly release: string;
  readonly summary: string;
  readonly services: readonly Service[];
  /** Pages of the services: Markdown by name of file. */
  readonly pages: ReadonlyMap<string, string>;
  /** Reads one of the other pages of docs/ by the name of its file. */
  readonly read: (source: string) => Promise<string>;
}

/**
 * The pages that a release's operators read, as Markdown and as HTML, and a start page that lists them: content by name of
 * file. Links to other pages are text.
 */
export async function formatReleasePages(options: ReleasePagesOptions): Promise<ReadonlyMap<string, string>> {
  const { release, summary, services, read } = options;
  const general = SECTIONS.map(({ name, pages }) => ({
    name,
    pages: pages.filter(({ shipsFor }) => shipsFor?.(services)),
  })).filter(({ pages }) => pages.length > 0);
  const own = [...options.pages].map(([source, text]) => ({ source, title: titleIn(text, source) }));
  const sections = withServicePages(general, own);
  const start = { name: 'Start', pages: [{ source: START, title: release }] };
  const site: Site = { name: release, sections: [start, ...sections] };
  const texts = new Map([[START, startPage(release, summary, sections)]]);
  for (const { source } of sections.flatMap(({ pages }) => pages))
    texts.set(source, cutLinks(site, options.pages.get(source) ?? (await read(source))));
  return new Map(
    [...texts].flatMap(([source, text]) => [
      [source, text],
      [fileOf(source), formatPage(site, source, text)],
    ]),
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
