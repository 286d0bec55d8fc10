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

/** A distribution's statements about its licence. */
export interface StatedLicense {
  /** Names: its SPDX expression, its licence field, its classifiers; the most exact first. */
  readonly names: readonly string[];
  /** The licence text, which some distributions put into the field for the name. */
  readonly texts: readonly string[];
}

const LONGEST_NAME = 80;

export function statedLicense(metadata: Headers): StatedLicense {
  const field = firstHeader(metadata, 'license') ?? '';
  const classifiers = (metadata.get('classifier') ?? [])
    .filter((classifier) => classifier.startsWith('License ::'))
    .map((classifier) => classifier.split('::').at(-1)?.trim() ?? '')
    .filter((name) => name !== 'OSI Approved');
  return {
    names: [
      ...(metadata.get('license-expression') ?? []),
      ...(field === '' || field === 'UNKNOWN' || field.length > LONGEST_NAME ? [] : [field]),
      ...(classifiers.length > 0 ? [classifiers.join(', ')] : []),
    ],
    texts: field.length > LONGEST_NAME ? [field] : [],
  };
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
