import { createHash } from 'node:crypto';
import { formatBytes } from '../domain/quantities.ts';
import { renderDependencies } from './dependencies.ts';
import { partsOf, type ReportFacts } from './facts.ts';
import { renderAdvisories, renderAudit } from './findings.ts';
import { renderGraph } from './graph.ts';
import { html, type Html } from './html.ts';
import { STYLE } from './style.ts';
import { renderLicenses, renderParts } from './tables.ts';
import { renderTimeline } from './timeline.ts';
import { renderTreemap } from './treemap.ts';
import { renderVerdict } from './verdict.ts';

interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: Html;
}

/**
 * A release as one self-contained HTML page: no script, no other file, and a policy that forbids fetching anything. The
 * same facts have the same bytes.
 */
export function formatReport(facts: ReportFacts): string {
  const parts = partsOf(facts);
  const treemap = renderTreemap(parts);
  const timeline = renderTimeline(facts.timeline);
  const sections: readonly Section[] = [
    { id: 'size', title: 'Size', content: html`${LEGEND}${treemap.content}` },
    { id: 'audit', title: 'Audit', content: renderAudit(facts.audit) },
    { id: 'advisories', title: 'Vulnerabilities', content: renderAdvisories(facts.advisories) },
    { id: 'parts', title: 'Parts', content: renderParts(parts) },
    { id: 'licences', title: 'Licences', content: renderLicenses(parts) },
    {
      id: 'dependencies',
      title: 'Dependencies',
      content: html`<p>
          How components depend on each other. Those with a dashed border are linked into others and ship only
          their licence.
        </p>
        ${renderGraph(parts)}
        <p>The whole tree, starting with what the bundle asks for.</p>
        ${renderDependencies(parts)}`,
    },
    { id: 'timeline', title: 'Build', content: timeline.content },
    { id: 'digests', title: 'Digests', content: renderDigests(facts) },
  ];
  const css = `${STYLE}${treemap.css}\n${timeline.css}\n`;
  return renderPage(facts, css, sections).html;
}

const LEGEND = html`<p class="legend">
  <span><span class="dot component"></span>built from source</span>
  <span><span class="dot wheel"></span>Python wheels</span>
  <span><span class="dot bundle"></span>launchers, installer, recipes</span>
</p> `;

function renderPage(facts: ReportFacts, css: string, sections: readonly Section[]): Html {
  const { release } = facts.inspected;
  const digest = createHash('sha256').update(css).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`;
  // Outside the template: the digest covers every character between the tags.
  const style: Html = { html: `<style>${css}</style>` };
  const links = sections.map(({ id, title }) => html`<a href="#${id}">${title}</a> `);
  const bodies = sections.map(
    ({ id, title, content }) =>
      html`<section aria-labelledby="${id}">
        <h2 id="${id}">${title}</h2>
        ${content}
      </section> `,
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <title>${release}</title>
        ${style}
      </head>
      <body>
        ${renderHead(facts)}
        <nav aria-label="Sections">${links}</nav>
        <main>${bodies}</main>
        <footer>
          Made by <code>ksbundle inspect --html</code> of ${release}.tar.gz. Opening this page fetches
          nothing.
        </footer>
      </body>
    </html> `;
}

function renderHead(report: ReportFacts): Html {
  const { inspected, manifest } = report;
  const facts: readonly (readonly [string, string | number])[] = [
    ['Platform', manifest.platform],
    ['Packed', formatBytes(inspected.packedSize)],
    ['Unpacked', formatBytes(inspected.unpackedSize)],
    ['Built from source', manifest.components.length],
    ['Python wheels', manifest.wheels.length],
    ['Files', manifest.files.length],
    ['Licence', manifest.license],
  ];
  const entries = facts.map(
    ([term, value]) =>
      html`<div>
        <dt>${term}</dt>
        <dd>${value}</dd>
      </div> `,
  );
  return html`<header>
    <h1>${manifest.bundle} ${manifest.version}-${manifest.revision}</h1>
    <p class="lead">${manifest.summary}</p>
    ${renderVerdict(report)}
    <dl class="facts">${entries}</dl>
  </header>`;
}

function renderDigests({ tarball, releaseId, signature, manifest }: ReportFacts): Html {
  const { name, version } = manifest.toolchain;
  return html`<dl class="digests">
    <dt>Release: digest of <code>SHA256SUMS</code>, signatures do not change it</dt>
    <dd><code>sha256:${releaseId}</code></dd>
    <dt>Tarball, as inspected</dt>
    <dd><code>sha256:${tarball}</code></dd>
    <dt>Signature</dt>
    <dd>
      ${signature === 'none' ? 'none' : 'present, but not checked here; ksbundle verify --key checks it'}
    </dd>
    <dt>Compiled with</dt>
    <dd>${name} ${version}</dd>
  </dl>`;
}
