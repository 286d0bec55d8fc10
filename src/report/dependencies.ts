import { nameOfPart, type Part } from '../domain/manifest.ts';
import type { ReportPart } from './facts.ts';
import { html, NOTHING, type Html } from './html.ts';
import { joinLinks } from './tables.ts';

/** The tree of requirements, from the bundle; a part that occurs again is a link. */
export function renderDependencies(parts: readonly ReportPart[]): Html {
  const byPart = new Map(parts.map((part) => [part.part, part]));
  const seen = new Set<Part>();
  const renderPart = (part: Part, depth: number): Html => {
    const found = byPart.get(part);
    if (found === undefined) return html`<li>${nameOfPart(part)}</li> `;
    const { requires, kind, version, id, name } = found;
    const label = html`<span class="dot ${kind}"></span><a href="#${id}">${name}</a>
      <small>${version}</small>`;
    if (requires.length === 0) return html`<li>${label}</li> `;
    if (seen.has(part))
      return html`<li>
        ${label} <small><a href="#needs-${id}">as above</a></small>
      </li> `;
    seen.add(part);
    const children = requires.map((required) => renderPart(required, depth + 1));
    const open = depth < 1 ? html` open` : NOTHING;
    return html`<li id="needs-${id}"><details${open}><summary>${label}</summary><ul>\n${children}</ul></details></li>\n`;
  };
  const tree = parts.filter(({ kind }) => kind === 'bundle').map(({ part }) => renderPart(part, 0));
  return html`<ul class="tree">
      ${tree}
    </ul>
    ${renderUnreached(parts.filter(({ part, kind }) => kind !== 'bundle' && !isReached(parts, part)))}`;
}

function isReached(parts: readonly ReportPart[], part: Part): boolean {
  return parts.some(({ requires }) => requires.includes(part));
}

function renderUnreached(parts: readonly ReportPart[]): Html {
  if (parts.length === 0) return NOTHING;
  return html`<p>
    No part needs these at run time; they are linked in or used by the build: ${joinLinks(parts)}.
  </p>`;
}
