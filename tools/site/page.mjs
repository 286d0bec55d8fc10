import { Marked } from 'marked';
import { escape } from '../markup.mjs';
import { SECTIONS } from './contents.mjs';
import { STYLE } from './style.mjs';

/** The name of a page's file in the site. */
export function fileOf(source) {
  return source === 'README.md' ? 'index.html' : source.replace(/\.md$/, '.html');
}

/** The anchor of a heading, as GitHub forms it. */
function anchorOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Where a link in a page of docs/ leads in the site: pages outside of it have none there. */
function addressOf(link) {
  if (/^(?:[a-z]+:|#)/.test(link)) return link;
  const [file, anchor] = link.split('#');
  const page = SECTIONS.some(({ pages }) => pages.some(([source]) => source === file));
  if (!page) return file.endsWith('.md') ? undefined : link;
  return fileOf(file) + (anchor === undefined ? '' : `#${anchor}`);
}

/** The text of a link to a page that is named by its file: the page's title. */
function titleOf(text) {
  const pages = SECTIONS.flatMap((section) => section.pages);
  return pages.find(([source]) => source === text.replace(/^docs\//, ''))?.[1] ?? text;
}

/** Markdown as HTML, with the headings of the second level. */
function convert(markdown) {
  const headings = [];
  const used = new Map();
  const marked = new Marked({
    gfm: true,
    renderer: {
      heading({ tokens, depth, raw }) {
        const title = raw.replace(/^#+\s*/, '').trim();
        const base = anchorOf(title);
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
        const address = addressOf(href);
        const text = titleOf(this.parser.parseInline(tokens));
        return address === undefined ? text : `<a href="${escape(address)}">${text}</a>`;
      },
      table(token) {
        const cells = (row, tag) =>
          row.map((cell) => `<${tag}>${this.parser.parseInline(cell.tokens)}</${tag}>`).join('');
        const isTitled = token.header.some(({ text }) => text.trim() !== '');
        const head = isTitled ? `<thead><tr>${cells(token.header, 'th')}</tr></thead>` : '';
        const body = token.rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
        return `<div class="scroll" tabindex="0" role="group">\n<table>${head}<tbody>\n${body}\n</tbody></table></div>\n`;
      },
      image({ href, text }) {
        return `<span class="picture" tabindex="0"><img src="${escape(href)}" alt="${escape(text)}"></span>`;
      },
      codespan({ text }) {
        return `<code${/\s/.test(text) || text.length > 40 ? '' : ' class="word"'}>${escape(text)}</code>`;
      },
      code({ text }) {
        return `<pre tabindex="0"><code>${escape(text)}</code></pre>\n`;
      },
    },
  });
  return { html: marked.parse(markdown), headings };
}

function navigation(current) {
  const lists = SECTIONS.map(({ name, pages }) => {
    const items = pages.map(([source, title]) => {
      const here = source === current ? ' aria-current="page"' : '';
      return `<li><a href="${fileOf(source)}"${here}>${escape(title)}</a></li>`;
    });
    return `<h2>${name}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
  });
  return `<nav class="site" aria-label="Pages">\n<a class="skip" href="#content">Skip to the text</a>\n${lists.join('\n')}\n</nav>`;
}

function outline(headings) {
  if (headings.length < 3) return '';
  const items = headings.map(
    ({ anchor, text }) => `<li><a href="#${anchor}">${text.replaceAll(/<\/?a\b[^>]*>/g, '')}</a></li>`,
  );
  return `<nav class="outline" aria-label="On this page"><strong>On this page</strong><ul>\n${items.join('\n')}\n</ul></nav>`;
}

/** A page of the site: HTML that needs no script and no other file but pictures. */
export function pageOf(source, markdown) {
  const { html, headings } = convert(markdown);
  const [heading = '', text = ''] = html.split(/(?<=<\/h1>\n)([^]*)/);
  const title = /^# (.*)$/m.exec(markdown)?.[1] ?? source;
  const plain = title.replaceAll('`', '');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(plain)} · ksbundle</title>
<style>${STYLE}</style>
</head>
<body>
<header><a href="index.html">ksbundle</a></header>
<div class="columns">
<main id="content">
${heading}
${outline(headings)}
<div class="text">
${text}</div>
</main>
${navigation(source)}
</div>
</body>
</html>
`;
}
