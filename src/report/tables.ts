import { formatBytes } from '../domain/quantities.ts';
import type { ReportPart } from './facts.ts';
import { html, NOTHING, type Html } from './html.ts';

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

/** A table that scrolls, also by keyboard, if it is too wide. */
export function renderTable(label: string, columns: readonly Column[], rows: readonly Html[]): Html {
  const head = columns.map(({ title, isNumber }) =>
    isNumber === true
      ? html`<th scope="col" class="number">${title}</th>`
      : html`<th scope="col">${title}</th>`,
  );
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">
    <table class="${label.toLowerCase().replaceAll(/[^a-z]+/gu, '-')}">
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** Every part with version, licence and size, and its sources on demand. */
export function renderParts(parts: readonly ReportPart[]): Html {
  const rows = parts.map(
    ({ id, kind, name, version, size, files, license, archives, embedded }) =>
      html`<tr id="${id}">
        <th scope="row"><span class="dot ${kind}"></span>${name}</th>
        <td>${kind}</td>
        <td>${version}</td>
        <td class="number">${formatBytes(size)}</td>
        <td class="number">${files}<span class="unit"> ${files === 1 ? 'file' : 'files'}</span></td>
        <td>${license}</td>
        <td>${renderArchives(archives)}${renderEmbedded(embedded)}</td>
      </tr> `,
  );
  return renderTable(
    'Parts',
    [
      { title: 'Name' },
      { title: 'Kind' },
      { title: 'Version' },
      { title: 'Size', isNumber: true },
      { title: 'Files', isNumber: true },
      { title: 'Licence' },
      { title: 'Made of' },
    ],
    rows,
  );
}

function renderArchives(archives: ReportPart['archives']): Html {
  const [first] = archives;
  if (first === undefined) return NOTHING;
  const items = archives.map(({ file, sha256 }) => html`<li>${file}<br /><code>sha256:${sha256}</code></li>`);
  return html`<details>
    <summary>${first.file}</summary>
    <ul>
      ${items}
    </ul>
  </details>`;
}

function renderEmbedded(embedded: ReportPart['embedded']): Html {
  if (embedded.length === 0) return NOTHING;
  const items = embedded.map(
    ({ name, version, license }) => html`<li>${name} ${version} <small>${license}</small></li>`,
  );
  return html`<details>
    <summary>${embedded.length} ${embedded.length === 1 ? 'package' : 'packages'} inside</summary>
    <ul>
      ${items}
    </ul>
  </details>`;
}

/** Every licence with its parts, also embedded ones, the most frequent first. */
export function renderLicenses(parts: readonly ReportPart[]): Html {
  const groups = new Map<string, Pick<ReportPart, 'id' | 'name' | 'license'>[]>();
  const inside = parts.flatMap(({ id, name: carrier, embedded }) =>
    embedded.map(({ name, license }) => ({ id, name: `${carrier}/${name}`, license })),
  );
  for (const part of [...parts, ...inside])
    groups.set(part.license, [...(groups.get(part.license) ?? []), part]);
  const rows = [...groups]
    .sort(([a, those], [b, these]) => these.length - those.length || (a < b ? -1 : 1))
    .map(
      ([license, of]) =>
        html`<tr>
          <th scope="row">${license}</th>
          <td class="number">${of.length}</td>
          <td>${joinLinks(of)}</td>
        </tr> `,
    );
  return renderTable(
    'Licences',
    [{ title: 'Licence' }, { title: 'Parts', isNumber: true }, { title: 'Of' }],
    rows,
  );
}

/** Links to parts' rows, in a line. */
export function joinLinks(parts: readonly Pick<ReportPart, 'id' | 'name'>[]): readonly Html[] {
  return parts.map(({ id, name }, index) => html`${index === 0 ? '' : ', '}<a href="#${id}">${name}</a>`);
}
