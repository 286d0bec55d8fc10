import { Marked, type Tokens } from 'marked';
import { escapeMarkup } from '../domain/markup.ts';
import { SECTIONS, START, titleIn, type Section } from './contents.ts';
import { STYLE } from './style.ts';

/** Pages that are read together. */
export interface Site {
  readonly name: string;
  readonly sections: readonly Section[];
}

/** A page as HTML that needs no script and no other file but pictures. Links to pages outside of the site are text. */
export function formatPage(site: Site, source: string, markdown: string): string {
  const { html, headings } = convert(site, markdown);
  const [heading = '', text = ''] = html.split(/(?<=<\/h1>\n)([^]*)/u);
  const title = titleIn(markdown, source);
  const name = escapeMarkup(site.name);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title === site.name ? '' : `${escapeMarkup(title)} · `}${name}</title>
<style>${STYLE}</style>
</head>
<body>
<header><a href="index.html">${name}</a></header>
<div class="columns">
<main id="content">
${heading}
${outline(headings)}
<div class="text">
${text}</div>
</main>
${navigation(site, source)}
</div>
</body>
</html>
`;
}

/** The name of a page's file in the site. */
export function fileOf(source: string): string {
  return source === START ? 'index.html' : source.replace(/\.md$/u, '.html');
}

/** Markdown in which links to pages outside of the site are text. */
export function cutLinks(site: Site, markdown: string): string {
  const outside = new Map<string, string>();
  const marked = new Marked({ gfm: true });
  void marked.walkTokens(marked.lexer(markdown), (token) => {
    if (token.type !== 'link') return;
    const { raw, href, text } = token as Tokens.Link;
    if (addressOf(site, href) === undefined) outside.set(raw, titleOf(site, text));
  });
  let cut = markdown;
  for (const [raw, text] of outside) cut = cut.replaceAll(raw, () => text);
  return cut;
}

interface Heading {
  readonly anchor: string;
  /** HTML. */
  readonly text: string;
}

/** Markdown as HTML, with the headings of the second level. */
function convert(
  site: Site,
  markdown: string,
): { readonly html: string; readonly headings: readonly Heading[] } {
  const headings: Heading[] = [];
  const used = new Map<string, number>();
  const marked = new Marked({
    gfm: true,
    async: false,
    renderer: {
      heading({ tokens, depth, raw }) {
        const base = anchorOf(raw.replace(/^#+\s*/u, '').trim());
        const count = used.get(base) ?? 0;
        used.set(base, count + 1);
        const anchor = count === 0 ? base : `${base}-${count}`;
        const text = this.parser.parseInline(tokens);
        if (depth === 2) headings.push({ anchor, text });
        const self =
          depth === 1 ? '' : ` <a class="self" href="#${anchor}" aria-label="Link to this part">#</a>`;
        return `<h${depth} id="${anchor}">${text}${self}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const address = addressOf(site, href);
        const text = titleOf(site, this.parser.parseInline(tokens));
        return address === undefined ? text : `<a href="${escapeMarkup(address)}">${text}</a>`;
      },
      table(token) {
        const cells = (row: typeof token.header, tag: string): string =>
          row.map((cell) => `<${tag}>${this.parser.parseInline(cell.tokens)}</${tag}>`).join('');
        const isTitled = token.header.some(({ text }) => text.trim() !== '');
        const head = isTitled ? `<thead><tr>${cells(token.header, 'th')}</tr></thead>` : '';
        const body = token.rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
        return `<div class="scroll" tabindex="0" role="group">\n<table>${head}<tbody>\n${body}\n</tbody></table></div>\n`;
      },
      image({ href, text }) {
        return `<span class="picture" tabindex="0"><img src="${escapeMarkup(href)}" alt="${escapeMarkup(text)}"></span>`;
      },
      codespan({ text }) {
        return `<code${/\s/u.test(text) || text.length > 40 ? '' : ' class="word"'}>${escapeMarkup(text)}</code>`;
      },
      code({ text }) {
        return `<pre tabindex="0"><code>${escapeMarkup(text)}</code></pre>\n`;
      },
    },
  });
  return { html: marked.parse(markdown, { async: false }), headings };
}

/** The anchor of a heading, as GitHub forms it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Where a link in a page leads in the site; undefined for pages outside of it. */
function addressOf({ sections }: Site, link: string): string | undefined {
  if (/^(?:[a-z]+:|#)/u.test(link)) return link;
  const [file = '', anchor] = link.split('#');
  const isPage = sections.some(({ pages }) => pages.some(({ source }) => source === file));
  if (!isPage) return file.endsWith('.md') ? undefined : link;
  return fileOf(file) + (anchor === undefined ? '' : `#${anchor}`);
}

/** The text of a link to a page that is named by its file: the page's title. */
function titleOf({ sections }: Site, text: string): string {
  const pages = [...sections, ...SECTIONS].flatMap((section) => section.pages);
  return pages.find(({ source }) => source === text.replace(/^docs\//u, ''))?.title ?? text;
}

function navigation({ sections }: Site, current: string): string {
  const lists = sections.map(({ name, pages }) => {
    const items = pages.map(({ source, title }) => {
      const here = source === current ? ' aria-current="page"' : '';
      return `<li><a href="${fileOf(source)}"${here}>${escapeMarkup(title)}</a></li>`;
    });
    return `<h2>${name}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
  });
  return `<nav class="site" aria-label="Pages">\n<a class="skip" href="#content">Skip to the text</a>\n${lists.join('\n')}\n</nav>`;
}

function outline(headings: readonly Heading[]): string {
  if (headings.length < 3) return '';
  const items = headings.map(
    ({ anchor, text }) => `<li><a href="#${anchor}">${text.replaceAll(/<\/?a\b[^>]*>/gu, '')}</a></li>`,
  );
  return `<nav class="outline" aria-label="On this page"><strong>On this page</strong><ul>\n${items.join('\n')}\n</ul></nav>`;
}
