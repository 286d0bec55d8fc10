/**
 * How Keystone of the bundle serves, compared with Debian's package: `npm run bench -- serving`, as root. A machine (a
 * copy of Debian 13 in namespaces) has both, and runs one at a time, in both orders. Processor time counts, because other
 * load does not change it much; latency and seconds are only comparable on an idle machine. KSBUNDLE_BENCH_ONLY, a
 * regular expression, selects variants by name. The tables, and a plot of what a request costs, are written to
 * bench/results/serving.md and serving.svg if every variant was measured.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { drawBars } from './bars.mjs';
import { measureInMachine } from './machines.mjs';
import { ROOT } from './release.mjs';

const REFERENCE = 'Debian, 8 processes, no cache (default)';
const LOADS = {
  validate: 'validate a token',
  issue: 'issue a token',
  issueQuickly: 'issue, bcrypt at cost 4',
};

/** What is judged of each of the bundle's defaults, compared with Debian's. */
const GOALS = [
  {
    name: 'validate: times less processor time than Debian',
    value: (own, debian) => debian && processorTime(debian.validate) / processorTime(own.validate),
    least: 12,
  },
  {
    name: 'issue, without bcrypt: ms of processor time',
    value: (own) => processorTime(own.issueQuickly),
    most: 15,
  },
  { name: 'start to the first answer: s', value: (own) => own.start, most: 2 },
  { name: 'memory of the whole service: MB', value: (own) => own.memory, most: 300 },
];

/** The runs of each variant as one: loads are added up, seconds averaged, and the larger memory counts. */
function join(runs) {
  const joined = new Map();
  for (const { name } of runs) {
    const own = runs.filter((run) => run.name === name);
    const loads = Object.keys(LOADS).map((load) => [load, joinLoads(own.map((run) => run.loads[load]))]);
    joined.set(name, {
      bundled: own[0].bundled,
      start: sum(own.map(({ start }) => start)) / own.length,
      memory: Math.max(...own.map(({ memory }) => memory)) / 1e6,
      ...Object.fromEntries(loads),
    });
  }
  return joined;
}

function joinLoads(loads) {
  const total = (key) => sum(loads.map((load) => load[key]));
  return {
    milliseconds: loads.flatMap(({ milliseconds }) => milliseconds),
    failed: total('failed'),
    seconds: total('seconds'),
    processor: total('processor'),
  };
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Milliseconds of processor time per request. */
function processorTime({ processor, milliseconds }) {
  return (processor / milliseconds.length) * 1000;
}

function percentile(milliseconds, share) {
  const sorted = milliseconds.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)];
}

/** Rows of cells below titles; numbers that are not whole have one decimal. */
function table(titles, rows) {
  const text = (cell) =>
    typeof cell === 'number' && !Number.isInteger(cell) ? cell.toFixed(1) : String(cell);
  return [titles, ...rows].map((cells) => cells.map(text));
}

function print(rows) {
  for (const [first, ...others] of rows)
    console.log(`${first.padEnd(48)}${others.map((cell) => cell.padStart(11)).join('')}`);
  console.log();
}

function markdown([titles, ...rows]) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  return [titles, titles.map((_, column) => (column === 0 ? '---' : '--:')), ...rows].map(line).join('');
}

function loadTables(variants) {
  const tables = Object.entries(LOADS).map(([load, title]) => {
    const rows = [...variants].map(([name, variant]) => {
      const { milliseconds, seconds, failed } = variant[load];
      const times = [0.5, 0.99].map((share) => percentile(milliseconds, share));
      return [
        name,
        milliseconds.length,
        failed,
        processorTime(variant[load]),
        milliseconds.length / seconds,
        ...times,
      ];
    });
    return table([title, 'requests', 'failed', 'CPU ms', 'per second', 'p50 ms', 'p99 ms'], rows);
  });
  const rows = [...variants].map(([name, { start, memory }]) => [name, start, Math.round(memory)]);
  return [...tables, table(['the whole service', 'start s', 'memory MB'], rows)];
}

function goalTable(variants) {
  const debian = variants.get(REFERENCE);
  const rows = [...variants]
    .filter(([name, { bundled }]) => bundled && name.endsWith('(default)'))
    .flatMap(([variant, own]) =>
      GOALS.map(({ name, value, least, most }) => {
        const figure = value(own, debian);
        const met = least === undefined ? figure <= most : figure >= least;
        return [
          `${variant.split(',')[0]} ${name}`,
          figure ?? '-',
          least === undefined ? `≤ ${most}` : `≥ ${least}`,
          figure === undefined ? '' : met ? 'met' : 'not met',
        ];
      }),
    );
  return table(['goals of the defaults', 'is', 'goal', ''], rows);
}

function interpreterTable(interpreted) {
  const rows = interpreted.map(({ name, python, load, validate, issueQuickly }) => [
    `${name} Python ${python}`,
    load,
    validate,
    issueQuickly,
  ]);
  return table(['CPU ms, without a server', 'load', 'validate', 'issue'], rows);
}

function plot(variants) {
  return drawBars(
    'Processor time of a request, in milliseconds',
    Object.entries(LOADS)
      .filter(([load]) => load !== 'issue')
      .map(([load, title]) => ({
        title,
        bars: [...variants].map(([name, variant]) => ({ name, value: processorTime(variant[load]) })),
      })),
  );
}

/** Writes the results of a whole run. */
async function write(tables, variants) {
  const directory = path.join(ROOT, 'bench', 'results');
  const host = `${os.availableParallelism()} processors (${os.cpus()[0]?.model.trim()})`;
  const day = new Date().toISOString().slice(0, 10);
  const heading = `# Serving\n\n\`npm run bench -- serving\`, ${day}, ${host}.\n\n![Processor time of a request](serving.svg)\n\n`;
  await mkdir(directory, { recursive: true });
  await writeFile(path.join(directory, 'serving.md'), heading + tables.map(markdown).join('\n'));
  await writeFile(path.join(directory, 'serving.svg'), plot(variants));
}

/** Prints tables; returns no rows for the common table. */
export async function measureServing(tarball) {
  const { runs, interpreted, whole } = await measureInMachine('serving', tarball);
  const variants = join(runs);
  const tables = [...loadTables(variants), interpreterTable(interpreted), goalTable(variants)];
  for (const rows of tables) print(rows);
  if (whole) await write(tables, variants);
  return [];
}
