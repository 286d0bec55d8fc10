// Draws a recorded session as a picture of a terminal. Usage: node tools/picture/terminal.mjs RECORDING >FILE.svg
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { escapeMarkup } from '../../dist/domain/markup.js';

const FONT_SIZE = 14;
/** Of a character, as a share of the font size: that of every common monospaced font, which `textLength` enforces. */
const WIDTH = 0.602;
const LINE_HEIGHT = 19;
const MARGIN = 16;
const BAR = 30;

/** The kind of a line decides its colour. */
function kindOf(line) {
  if (line.startsWith('$ ')) return 'command';
  if (/^(?:Keystone serves|done in|\s+all is well)/.test(line)) return 'good';
  return /^(?:warning|error):/.test(line) ? 'bad' : 'output';
}

/** The picture of a session, one line of text for each line of the terminal. */
function drawTerminal(recording) {
  const lines = recording.trimEnd().split('\n');
  const advance = FONT_SIZE * WIDTH;
  const columns = Math.max(...lines.map((line) => line.length));
  const width = Math.ceil(columns * advance + 2 * MARGIN);
  const height = BAR + lines.length * LINE_HEIGHT + MARGIN;
  const rows = lines.map((line, index) => {
    const text = line.trimStart();
    const x = MARGIN + (line.length - text.length) * advance;
    const y = BAR + (index + 0.75) * LINE_HEIGHT;
    const length = (text.length * advance).toFixed(1);
    return `<text class="${kindOf(line)}" x="${x.toFixed(1)}" y="${y}" textLength="${length}" xml:space="preserve">${escapeMarkup(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">A terminal: the tarball is unpacked, installed and asked for a token</title>
<style>text{font:${FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#c9d1d9}.command{fill:#7db8f5}.good{fill:#7fd096}.bad{fill:#e8b86b}</style>
<rect width="${width}" height="${height}" rx="8" fill="#14181d" stroke="#3a444f"/>
<g fill="#4a5561"><circle cx="20" cy="15" r="5"/><circle cx="38" cy="15" r="5"/><circle cx="56" cy="15" r="5"/></g>
${rows.filter((row) => !row.includes('></text>')).join('\n')}
</svg>
`;
}

const [recording] = process.argv.slice(2);
process.stdout.write(drawTerminal(await readFile(recording, 'utf8')));
