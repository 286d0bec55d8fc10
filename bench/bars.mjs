/** Bar charts as SVG that follow the reader's light or dark colours. */
import { escapeMarkup } from '../dist/domain/markup.js';

const WIDTH = 760;
const LABELS = 330;
const ROW = 22;
const STYLE = `text{font:13px sans-serif;fill:#1b1f24}.title{font-weight:bold}rect{fill:#3f6fb5}
@media(prefers-color-scheme:dark){text{fill:#e6e6e6}rect{fill:#7ea6e0}}`;

/** Groups of `{ title, bars: [{ name, value }] }` below a heading, each with a scale of its own. */
export function drawBars(heading, groups) {
  const rows = [{ heading }];
  for (const { title, bars } of groups) {
    const most = Math.max(...bars.map(({ value }) => value));
    rows.push({}, { heading: title }, ...bars.map((bar) => ({ ...bar, part: bar.value / most })));
  }
  const room = WIDTH - LABELS - 60;
  const drawn = rows.flatMap(({ heading: title, name, value, part }, index) => {
    const y = index * ROW + 16;
    if (title !== undefined) return [`<text class="title" x="0" y="${y}">${escapeMarkup(title)}</text>`];
    if (name === undefined) return [];
    const width = Math.max(1, part * room).toFixed(1);
    return [
      `<text x="0" y="${y}">${escapeMarkup(name)}</text>`,
      `<rect x="${LABELS}" y="${y - 12}" width="${width}" height="15"/>`,
      `<text x="${LABELS + Number(width) + 6}" y="${y}">${value.toFixed(1)}</text>`,
    ];
  });
  const height = rows.length * ROW + 8;
  const label = escapeMarkup([heading, ...groups.map(({ title }) => title)].join(', '));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">
<style>${STYLE}</style>
${drawn.join('\n')}
</svg>
`;
}
