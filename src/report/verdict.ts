import { openVulnerabilities } from '../domain/advisories/report.ts';
import { failures } from '../domain/audit.ts';
import type { ReportFacts } from './facts.ts';
import { html, type Html } from './html.ts';

/** A check before trusting a release; `unknown` is neither good nor bad. */
interface Answer {
  readonly state: 'good' | 'bad' | 'unknown';
  readonly title: string;
  readonly words: string;
  /** The section with details. */
  readonly section: string;
}

/** The verdict on a release, in one line and four answers. */
export function renderVerdict(facts: ReportFacts): Html {
  const answers = [auditOf(facts), advisoriesOf(facts), signatureOf(facts), digestOf(facts)];
  const bad = answers.filter(({ state }) => state === 'bad').length;
  const unknown = answers.filter(({ state }) => state === 'unknown').length;
  const [state, words] =
    bad > 0
      ? ['bad', 'Problems found: read them before you use this release.']
      : unknown > 0
        ? ['good', 'No problems found, but not everything was checked.']
        : ['good', 'No problems found.'];
  return html`<div class="verdict">
    <p class="${state}"><strong>${words}</strong></p>
    <ul>
      ${answers.map(
        (answer) =>
          html`<li class="${answer.state}">
            <a href="#${answer.section}">${answer.title}</a> <strong>${answer.words}</strong>
          </li> `,
      )}
    </ul>
  </div>`;
}

function auditOf({ audit }: ReportFacts): Answer {
  const { length } = failures(audit);
  const words = length === 0 ? 'clean' : `${length} ${length === 1 ? 'finding' : 'findings'}`;
  return { state: length === 0 ? 'good' : 'bad', title: 'Audit', words, section: 'audit' };
}

function advisoriesOf({ advisories }: ReportFacts): Answer {
  const facts = { title: 'Vulnerabilities', section: 'advisories' };
  if (advisories === undefined) return { ...facts, state: 'unknown', words: 'not looked up' };
  const { length } = openVulnerabilities(advisories);
  return {
    ...facts,
    state: length === 0 ? 'good' : 'bad',
    words: length === 0 ? 'none known' : `${length} open`,
  };
}

function signatureOf({ signature }: ReportFacts): Answer {
  const words = signature === 'none' ? 'none' : 'present, not checked here';
  return { state: 'unknown', title: 'Signature', words, section: 'digests' };
}

function digestOf({ releaseId }: ReportFacts): Answer {
  return { state: 'good', title: 'Release', words: `${releaseId.slice(0, 12)}…`, section: 'digests' };
}
