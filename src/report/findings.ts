import {
  openVulnerabilities,
  settledVulnerabilities,
  type AdvisoryReport,
  type Vulnerability,
} from '../domain/advisories/report.ts';
import { failures, type AuditReport, type Finding } from '../domain/audit.ts';
import { nameOfPart } from '../domain/manifest.ts';
import { html, NOTHING, type Html } from './html.ts';
import { renderTable } from './tables.ts';

/** The audit's findings: failures, then those that recipes declare harmless, with reasons. */
export function renderAudit(audit: AuditReport): Html {
  const failing = failures(audit);
  const excused = audit.findings.filter(({ exception }) => exception !== undefined);
  const floor =
    audit.floor === undefined
      ? 'No file needs glibc'
      : `The newest glibc that any file needs is ${audit.floor}`;
  return html`<p class="${failing.length === 0 ? 'good' : 'bad'}">
      <strong
        >${failing.length === 0 ? 'Clean.' : `${failing.length} ${failing.length === 1 ? 'finding' : 'findings'}.`}</strong
      >
      ${audit.filesScanned} files, ${audit.elfFilesScanned} of them ELF, against ${audit.rules.length} rules.
      ${floor}.
    </p>
    ${failing.length === 0 ? NOTHING : renderFailing(failing)}
    ${excused.length === 0 ? NOTHING : renderExcused(excused)}
    <details>
      <summary>The rules</summary>
      <p>${audit.rules.join(', ')}</p>
    </details>`;
}

function renderFailing(findings: readonly Finding[]): Html {
  return renderTable(
    'Findings',
    [{ title: 'Rule' }, { title: 'File' }, { title: 'What' }, { title: 'Remedy' }],
    findings.map(
      ({ rule, path, message, remedy }) =>
        html`<tr>
          <th scope="row">${rule}</th>
          <td><code>${path}</code></td>
          <td>${message}</td>
          <td>${remedy}</td>
        </tr> `,
    ),
  );
}

function renderExcused(findings: readonly Finding[]): Html {
  const rows = findings.map(
    ({ rule, path, message, exception }) =>
      html`<tr>
        <th scope="row">${rule}</th>
        <td><code>${path}</code> ${message}</td>
        <td>${exception?.reason ?? ''}</td>
        <td>${exception?.override ?? ''}</td>
      </tr> `,
  );
  return html`<details>
    <summary>${findings.length} declared harmless by recipes, each with its reason</summary>
    ${renderTable('Declared harmless', [{ title: 'Rule' }, { title: 'What' }, { title: 'Why it is harmless' }, { title: 'At run time' }], rows)}
  </details>`;
}

/** Results from the database of advisories, or that none was given. */
export function renderAdvisories(report: AdvisoryReport | undefined): Html {
  if (report === undefined)
    return html`<p>
      Not looked up: no database of advisories was given (<code>ksbundle inspect --html --advisories DB</code
      >).
    </p>`;
  const open = openVulnerabilities(report);
  const settled = settledVulnerabilities(report);
  const feeds = report.feeds.map(
    ({ feed, records, newest }) =>
      html`<li>${feed}: ${records} records, the newest of ${newest.slice(0, 10)}</li>`,
  );
  return html`<p class="${open.length === 0 ? 'good' : 'bad'}">
      <strong>${open.length === 0 ? 'No known vulnerabilities.' : `${open.length} known.`}</strong>
      ${report.checked} of ${report.checked + report.unchecked.length} parts were looked up.
    </p>
    <ul>
      ${feeds}
    </ul>
    ${open.length === 0 ? NOTHING : renderVulnerabilities('Open', open)}
    ${settled.length === 0 ? NOTHING : renderVulnerabilities('Declared harmless or fixed by recipes', settled)}`;
}

function renderVulnerabilities(label: string, vulnerabilities: readonly Vulnerability[]): Html {
  const rows = vulnerabilities.map(
    ({ part, version, ids, severity, summary, fixes, statement }) =>
      html`<tr>
        <th scope="row">${ids.join(', ')}</th>
        <td>${nameOfPart(part)} ${version}</td>
        <td>${severity === undefined ? 'not rated' : `${severity.rating} ${severity.score ?? ''}`}</td>
        <td>${summary}</td>
        <td>
          ${statement === undefined ? fixes.join(', ') || 'none named' : `${statement.status}: ${statement.reason}`}
        </td>
      </tr> `,
  );
  return html`<h3>${label}</h3>
    ${renderTable(label, [{ title: 'Names' }, { title: 'Part' }, { title: 'Severity' }, { title: 'What' }, { title: 'Fixed in, or stated' }], rows)}`;
}
