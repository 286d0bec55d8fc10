import type { KsbundleError, Problem } from '../domain/errors.ts';

const MIRROR =
  'or build from a mirror: run `ksbundle mirror DIR` on a machine with a network, then build with `--mirror DIR`';

/** Remedies by the reasons of failures; the first one that matches a reason applies. */
const REMEDIES: readonly { readonly why: RegExp; readonly hint: string }[] = [
  {
    why: /no Python index is configured/u,
    hint: `set KSBUNDLE_PYTHON_INDEX=URL, ${MIRROR}`,
  },
  {
    why: /the TLS connection .* failed/u,
    hint: `set NODE_EXTRA_CA_CERTS=FILE to the certificate authority of your network, check the clock of this machine, ${MIRROR}`,
  },
  { why: /the proxy /u, hint: `check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, ${MIRROR}` },
  {
    why: /name of .* (?:is unknown|cannot be resolved)|network of .* is unreachable|no route to|refused the connection|does not answer/u,
    hint: `check the network: this machine cannot reach that server, or only through a proxy (HTTPS_PROXY), ${MIRROR}`,
  },
  {
    why: /not found \(status|does not list|answered with status/u,
    hint: 'upstream may have moved or removed the file: look for another URL, or build from a mirror that has it (`--mirror DIR`)',
  },
];

/** The hint for files that could not be fetched for these reasons. */
export function remedyFor(reasons: readonly string[]): string {
  const remedy = REMEDIES.find(({ why }) => reasons.some((reason) => why.test(reason)));
  return remedy?.hint ?? `check the network and the proxy variables, ${MIRROR}`;
}

/** How many files of one cause a message names, and describes in detail. */
const NAMED = 3;

/** One problem for each cause, with the files that it affects; with a hint each if there are several causes. */
export function groupByCause(failures: readonly KsbundleError[]): readonly Problem[] {
  const groups = new Map<string, KsbundleError[]>();
  for (const failure of failures.toSorted((a, b) => (a.message < b.message ? -1 : 1))) {
    const cause = causeOf(failure);
    groups.set(cause, [...(groups.get(cause) ?? []), failure]);
  }
  return [...groups.values()].map((group) => {
    const problem = describe(group);
    if (groups.size === 1) return problem;
    return { ...problem, hint: remedyFor(reasonsOf(problem.details ?? [])) };
  });
}

/** The reasons, without the names of files. */
function causeOf({ facts: { details = [] } }: KsbundleError): string {
  const reasons = reasonsOf(details).map((reason) =>
    reason.replace(/(?<=does not list |contains none of ).*$/u, '…'),
  );
  return [...new Set(reasons)].sort().join('\n');
}

/** The reasons in the details of a failed fetch, which have the form `place: reason`. */
export function reasonsOf(details: readonly string[]): readonly string[] {
  return details.map((line) => line.replace(/^\S*: /u, ''));
}

function describe(group: readonly KsbundleError[]): Problem {
  const [first, ...others] = group;
  if (first === undefined) throw new TypeError('a group of no failures');
  const names = others
    .slice(0, NAMED - 1)
    .map(({ message }) => message.replace(/^cannot fetch | is not in the store.*$/gu, ''));
  const more = others.length - names.length;
  const beside =
    others.length === 0
      ? ''
      : `; for the same reason ${[...names, ...(more > 0 ? [`${more} more`] : [])].join(', ')}`;
  const detailed = group.length > NAMED ? [first] : group;
  const details = detailed.flatMap(({ facts }) => facts.details ?? []);
  return {
    code: first.facts.code,
    message: `${first.message}${beside}`,
    ...(details.length === 0 ? {} : { details }),
  };
}
