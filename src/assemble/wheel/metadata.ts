/** Header fields of METADATA or WHEEL (RFC 822 form): every value of each name, names in lower case. */
export type Headers = ReadonlyMap<string, readonly string[]>;

/** Parses the headers up to the first empty line; folded lines are joined. */
export function parseHeaders(text: string): Headers {
  const headers = new Map<string, string[]>();
  const [head = ''] = text.replaceAll('\r\n', '\n').split('\n\n', 1);
  for (const line of head.replaceAll(/\n[ \t]+/gu, ' ').split('\n')) {
    const colon = line.indexOf(':');
    if (colon === -1) continue;
    const name = line.slice(0, colon).toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return headers;
}

export function firstHeader(headers: Headers, name: string): string | undefined {
  return headers.get(name)?.[0];
}

/**
 * What a distribution says its licence is: the SPDX expression if it has one, else its short licence field, else
 * its classifiers; undefined if it says nothing.
 */
export function statedLicense(metadata: Headers): string | undefined {
  const expression = firstHeader(metadata, 'license-expression');
  if (expression !== undefined) return expression;
  const text = firstHeader(metadata, 'license');
  // Some put the whole text there.
  if (text !== undefined && text !== '' && text !== 'UNKNOWN' && text.length <= 80) return text;
  const classifiers = (metadata.get('classifier') ?? [])
    .filter((classifier) => classifier.startsWith('License ::'))
    .map((classifier) => classifier.split('::').at(-1)?.trim() ?? '');
  return classifiers.length > 0 ? classifiers.join(', ') : undefined;
}

/** Values of one group of entry_points.txt, `module:attribute`, without extras. */
export function parseEntryPoints(text: string, group: string): string[] {
  const values: string[] = [];
  let section = '';
  for (const line of text.split(/\r?\n/u).map((raw) => raw.trim())) {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const header = /^\[(.+)\]$/u.exec(line)?.[1];
    if (header !== undefined) section = header.trim();
    else if (section === group && line.includes('=')) {
      values.push(
        line
          .slice(line.indexOf('=') + 1)
          .replace(/\[.*\]$/u, '')
          .replaceAll(/\s/gu, ''),
      );
    }
  }
  return values;
}
